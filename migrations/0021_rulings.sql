-- What operators decided about who and what may come in. Every process holds it in memory; `rulings_version` tells when to
-- read it again.

CREATE TABLE rulings_version (version bigint NOT NULL);
CREATE UNIQUE INDEX rulings_version_is_one ON rulings_version ((true));
INSERT INTO rulings_version VALUES (1);

CREATE FUNCTION rulings_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever commits last has the highest version: the row is locked until the commit.
    UPDATE rulings_version SET version = version + 1;
    RETURN NULL;
END $$;

CREATE TABLE pubkey_rulings (
    pubkey bytea PRIMARY KEY CHECK (octet_length(pubkey) = 32),
    -- Allowed ones: if there are any, nobody else may write.
    is_allowed boolean NOT NULL,
    -- Of banned ones: what they have written is removed.
    without_events boolean NOT NULL DEFAULT false,
    reason text NOT NULL DEFAULT '',
    operator text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE event_rulings (
    id bytea PRIMARY KEY CHECK (octet_length(id) = 32),
    -- Allowed ones were reported (NIP-56), looked at, and may stay.
    is_allowed boolean NOT NULL,
    reason text NOT NULL DEFAULT '',
    operator text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE kind_rulings (
    kind int4 PRIMARY KEY CHECK (kind BETWEEN 0 AND 65535),
    is_allowed boolean NOT NULL,
    reason text NOT NULL DEFAULT '',
    operator text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE blocked_addresses (
    network cidr PRIMARY KEY,
    reason text NOT NULL DEFAULT '',
    operator text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

-- What the relay says of itself (NIP-11) instead of what the configuration says. NULL: as configured.
CREATE TABLE relay_info (name text, description text, icon text);
CREATE UNIQUE INDEX relay_info_is_one ON relay_info ((true));
INSERT INTO relay_info VALUES (NULL, NULL, NULL);

-- Roles of members (NIP-43, written by NIP-86): labels for clients, they allow nothing here.
CREATE TABLE roles (
    id text PRIMARY KEY CHECK (id <> ''),
    label text NOT NULL,
    description text NOT NULL,
    -- A hue, 0 to 360.
    color int4 NOT NULL CHECK (color BETWEEN 0 AND 360),
    position int4 NOT NULL
);
CREATE TABLE role_members (
    role text NOT NULL REFERENCES roles ON DELETE CASCADE,
    pubkey bytea NOT NULL CHECK (octet_length(pubkey) = 32),
    PRIMARY KEY (role, pubkey)
);

-- Who an operator registers has no account of their own.
ALTER TABLE user_pubkeys ALTER COLUMN user_id DROP NOT NULL;

CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON pubkey_rulings EXECUTE FUNCTION rulings_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON event_rulings EXECUTE FUNCTION rulings_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON kind_rulings EXECUTE FUNCTION rulings_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON blocked_addresses EXECUTE FUNCTION rulings_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON relay_info EXECUTE FUNCTION rulings_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON user_pubkeys EXECUTE FUNCTION rulings_changed();

-- Removes what was banned in the last hour and is still here: an event may have been on its way to ingest() when it was banned.
-- Later ones are refused by every worker.
CREATE FUNCTION remove_banned(p_at_most bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    banned bigint[];
BEGIN
    SELECT array_agg(seq) INTO banned FROM (
        SELECT e.seq FROM event_rulings r JOIN events e ON e.id = r.id
        WHERE NOT r.is_allowed AND r.at > now() - interval '1 hour'
        UNION ALL
        SELECT e.seq FROM pubkey_rulings r JOIN authors a ON a.pubkey = r.pubkey JOIN events e ON e.author = a.id
        WHERE NOT r.is_allowed AND r.without_events AND r.at > now() - interval '1 hour'
        LIMIT p_at_most) b;
    IF banned IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM pg_advisory_xact_lock(5327001);
    RETURN remove_events(banned);
END $$;
