-- Full-text search (NIP-50). Filled behind ingest(), by who follows `seq`: an event is searchable soon, and its OK costs no more.

CREATE TABLE searchable_contents (
    -- events.seq; remove_events() removes both.
    event bigint PRIMARY KEY,
    created_at bigint NOT NULL,
    -- The words as the relay breaks and folds them, never Postgres: its own parser depends on the locale of the database and
    -- knows no words in Japanese. Besides them marks, which no word can be: '@<author>', '%<kind>', '!' for a content
    -- warning, and '#<letter><hex>' for the time, in four sizes. So one index finds a word of an author in a time.
    words tsvector NOT NULL
) WITH (autovacuum_vacuum_insert_scale_factor = 0.02);

ALTER TABLE searchable_contents ALTER COLUMN words SET COMPRESSION lz4;

CREATE INDEX searchable_contents_by_word ON searchable_contents USING gin (words);

-- How far it has followed.
CREATE TABLE search_progress (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    -- Events up to this events.seq have been looked at.
    seq bigint NOT NULL,
    -- Which kinds, and how their words are made: when it changes all begins anew.
    recipe text NOT NULL
);

INSERT INTO search_progress (seq, recipe) VALUES (0, '');
