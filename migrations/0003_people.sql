-- Who may do what: auth levels come from here.

CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    confirmed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE user_pubkeys (
    pubkey bytea PRIMARY KEY CHECK (octet_length(pubkey) = 32),
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    -- NIP-05 name and relays.
    name text UNIQUE,
    relays text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX user_pubkeys_user ON user_pubkeys (user_id);

CREATE TABLE trusted_authors (
    pubkey bytea PRIMARY KEY CHECK (octet_length(pubkey) = 32),
    note text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE invoices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pubkey bytea NOT NULL CHECK (octet_length(pubkey) = 32),
    amount_msats bigint NOT NULL CHECK (amount_msats > 0),
    period_days int4 NOT NULL CHECK (period_days > 0),
    provider text NOT NULL,
    external_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    paid_at timestamptz,
    UNIQUE (provider, external_id)
);
CREATE INDEX invoices_pubkey ON invoices (pubkey);

CREATE TABLE author_subscriptions (
    pubkey bytea PRIMARY KEY CHECK (octet_length(pubkey) = 32),
    expires_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE relay_mirrors (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url text NOT NULL UNIQUE,
    filters jsonb NOT NULL DEFAULT '[{}]',
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);
