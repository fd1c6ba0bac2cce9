-- Members without an account, and the invitations that make them (NIP-43).

-- Who came with an invitation has a key and no e-mail address.
ALTER TABLE user_pubkeys ALTER COLUMN user_id DROP NOT NULL;

CREATE TABLE invites (
    -- sha256 of the code: who reads the table cannot use it.
    code bytea PRIMARY KEY CHECK (octet_length(code) = 32),
    -- NULL: the operator.
    invited_by bytea CHECK (octet_length(invited_by) = 32),
    -- How many may still come with it.
    uses int4 NOT NULL CHECK (uses >= 0),
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX invites_by ON invites (invited_by, created_at);

-- 0 welcome, 1 a member already, 2 no such code, 3 expired or used up.
CREATE FUNCTION join_by_invite(p_pubkey bytea, p_code bytea) RETURNS int4 LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM user_pubkeys WHERE pubkey = p_pubkey) THEN
        RETURN 1;
    END IF;
    UPDATE invites SET uses = uses - 1 WHERE code = p_code AND uses > 0 AND expires_at > now();
    IF NOT FOUND THEN
        RETURN CASE WHEN EXISTS (SELECT FROM invites WHERE code = p_code) THEN 3 ELSE 2 END;
    END IF;
    INSERT INTO user_pubkeys (pubkey) VALUES (p_pubkey) ON CONFLICT DO NOTHING;
    RETURN 0;
END $$;
