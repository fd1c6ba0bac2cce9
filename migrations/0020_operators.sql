-- Who runs the relay in a browser, and what they did.

CREATE TABLE operators (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    -- argon2id, PHC format; NULL: this operator signs in with a Nostr key only.
    password_hash text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX operators_name ON operators (lower(name));

-- Nostr keys of operators: for signing in and for NIP-86.
CREATE TABLE operator_keys (
    pubkey bytea PRIMARY KEY CHECK (octet_length(pubkey) = 32),
    operator_id bigint NOT NULL REFERENCES operators ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX operator_keys_operator ON operator_keys (operator_id);

CREATE TABLE operator_sessions (
    -- sha256 of the cookie: who reads this table cannot sign in with it.
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    operator_id bigint NOT NULL REFERENCES operators ON DELETE CASCADE,
    address text NOT NULL,
    user_agent text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX operator_sessions_operator ON operator_sessions (operator_id);

-- What operators changed. The name is kept as it was then, also when the operator is gone.
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    operator text NOT NULL,
    -- What was done, for example `settings.maintenance` or `access.ban_pubkey`.
    act text NOT NULL,
    -- On what: a key, an address, empty.
    target text NOT NULL DEFAULT '',
    old text NOT NULL DEFAULT '',
    new text NOT NULL DEFAULT ''
);

