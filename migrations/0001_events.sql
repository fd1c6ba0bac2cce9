-- Events and what is found by. Which index serves which filter: README.md beside this file.

CREATE TABLE authors (
    id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pubkey bytea NOT NULL UNIQUE CHECK (octet_length(pubkey) = 32)
);

CREATE TABLE events (
    -- Grows in the order of commits: ingest() holds a lock until its commit.
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id bytea NOT NULL CHECK (octet_length(id) = 32),
    author int4 NOT NULL,
    kind int4 NOT NULL,
    created_at bigint NOT NULL,
    -- The first 8 bytes of the id in its order: among equal created_at the lowest id comes first.
    id_head bigint NOT NULL,
    expires_at bigint,
    -- sha256 of kind, pubkey and d tag, of replaceable and addressable events.
    replace_key bytea CHECK (octet_length(replace_key) = 32),
    -- The `tag` of its rows in searchable_tags: whether an event that was found otherwise has a tag, is read here.
    tags bigint[] NOT NULL,
    -- Canonical JSON. bytea: it is sent as it lies, and never looked into here.
    raw bytea NOT NULL
) WITH (autovacuum_vacuum_insert_scale_factor = 0.02);

ALTER TABLE events ALTER COLUMN raw SET COMPRESSION lz4;

CREATE UNIQUE INDEX events_id ON events (id);
CREATE UNIQUE INDEX events_replace_key ON events (replace_key) WHERE replace_key IS NOT NULL;
CREATE INDEX events_by_author ON events (author, kind, created_at DESC, id_head) INCLUDE (seq);
CREATE INDEX events_by_kind ON events (kind, created_at DESC, id_head) INCLUDE (seq);
-- With the kind, since those who ask for everything get no private messages.
CREATE INDEX events_by_time ON events (created_at DESC, id_head) INCLUDE (seq, kind);
CREATE INDEX events_expiring ON events (expires_at) WHERE expires_at IS NOT NULL;

-- One row for each different indexed tag of an event. `tag` is the first 8 bytes of sha256(letter, value): two values may
-- share it, so what is found is compared with the event itself.
CREATE TABLE searchable_tags (
    tag bigint NOT NULL,
    created_at bigint NOT NULL,
    id_head bigint NOT NULL,
    event bigint NOT NULL,
    kind int4 NOT NULL,
    author int4 NOT NULL
) WITH (autovacuum_vacuum_insert_scale_factor = 0.02);

CREATE INDEX searchable_tags_by_tag
    ON searchable_tags (tag, kind, created_at DESC, id_head, event) INCLUDE (author);
-- So that an event's rows go by one look, not by one each: a list of contacts has hundreds. It grows at its end only, which is cheap.
CREATE INDEX searchable_tags_by_event ON searchable_tags (event);

-- What authors asked to delete (NIP-09): it must not come back.
CREATE TABLE delete_events (
    -- An event id, or the replace_key of an address.
    target bytea NOT NULL,
    author int4 NOT NULL,
    -- For an address: versions up to this created_at. For an id: NULL.
    until bigint,
    -- The kind 5 event.
    deletion bytea NOT NULL,
    PRIMARY KEY (target, author)
);
