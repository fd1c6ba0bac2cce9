-- What was removed, in the order of commits: who keeps events in memory follows it. Rows are dropped after an hour.
CREATE TABLE removals (
    -- Grows in the order of commits: whoever calls remove_events() holds the lock of ingest().
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- events.seq
    seqs bigint[] NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

-- Removes events with their tags, which their index finds by the whole key, and notes it.
CREATE OR REPLACE FUNCTION remove_events(p_seqs bigint[]) RETURNS bigint LANGUAGE sql AS $$
    WITH removed AS (
        DELETE FROM events WHERE seq = ANY (p_seqs) RETURNING seq, kind, created_at, id_head, tags
    ), untagged AS (
        DELETE FROM searchable_tags t USING (SELECT r.*, unnest(r.tags) AS tag FROM removed r) r
        WHERE t.tag = r.tag AND t.kind = r.kind AND t.created_at = r.created_at AND t.id_head = r.id_head
          AND t.event = r.seq
    ), noted AS (
        INSERT INTO removals (seqs) SELECT p_seqs WHERE cardinality(p_seqs) > 0
    )
    SELECT count(*) FROM removed;
$$;
