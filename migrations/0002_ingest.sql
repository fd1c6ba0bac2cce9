-- Stores a batch of events in one round trip and one transaction.
--
-- The caller has sorted out duplicates and versions within the batch: every id and every replace_key comes once; and it
-- knows the authors' numbers. `verdicts` has one number an event: 0 stored, 1 duplicate, 2 a newer version is there,
-- 3 its author deleted it, 4 its author asked to vanish. `last_seq` is the highest seq given.
CREATE FUNCTION ingest(
    p_ids bytea[], p_authors int4[], p_kinds int4[], p_created bigint[], p_heads bigint[], p_expires bigint[],
    p_keys bytea[], p_raws bytea[], p_tags bigint[], p_tag_ends int4[],
    p_targets bytea[], p_target_authors int4[], p_target_until bigint[], p_deletions bytea[], p_delegators int4[],
    OUT verdicts int2[], OUT last_seq bigint
) LANGUAGE plpgsql
-- Every statement below is a handful of rows found by index. Planned without statistics, as in a new database, or with old
-- ones, they would be scans and hashes of whole tables (63 ms a batch instead of 17).
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    -- Whether anybody ever asked to vanish: else nobody pays for it.
    vanishing boolean;
BEGIN
    -- Batches that touch the same replaceable events deadlock even when sorted. Under this lock each statement below sees
    -- what the batch before has committed, seq grows in the order of commits, and nothing is stored while it is deleted.
    PERFORM pg_advisory_xact_lock(5327001);

    IF 62 = ANY (p_kinds) THEN
        PERFORM note_vanished(p_ids, p_authors, p_kinds, p_created);
    END IF;
    vanishing := EXISTS (SELECT FROM vanished);

    IF cardinality(p_targets) > 0 THEN
        PERFORM delete_targets(p_targets, p_target_authors, p_target_until, p_deletions);
    END IF;

    SELECT array_agg(CASE
        WHEN EXISTS (SELECT FROM events e WHERE e.id = i.id) THEN 1
        WHEN vanishing AND i.kind <> 62 AND is_vanished(i.author, i.kind, i.created_at, p_raws[i.ord],
            p_tags[coalesce(p_tag_ends[i.ord - 1], 0) + 1 : p_tag_ends[i.ord]]) THEN 4
        WHEN i.kind NOT IN (5, 62) AND EXISTS (
            SELECT FROM delete_events d
            WHERE d.target = i.id AND d.author = i.author AND d.until IS NULL) THEN 3
        -- Gift wraps are their recipients' to delete (NIP-59).
        WHEN i.kind = 1059 AND EXISTS (
            SELECT FROM delete_events d
            WHERE d.target = i.id AND d.until IS NULL AND is_recipient(d.author, p_raws[i.ord])) THEN 3
        WHEN i.replace_key IS NOT NULL AND EXISTS (
            SELECT FROM delete_events d
            WHERE d.target = i.replace_key AND d.author = i.author AND d.until >= i.created_at) THEN 3
        WHEN i.replace_key IS NOT NULL AND EXISTS (
            SELECT FROM events e
            WHERE e.replace_key = i.replace_key
              AND (e.created_at > i.created_at OR (e.created_at = i.created_at AND e.id < i.id))) THEN 2
        ELSE 0 END ORDER BY i.ord)
    INTO verdicts
    FROM unnest(p_ids, p_authors, p_kinds, p_created, p_keys)
        WITH ORDINALITY AS i (id, author, kind, created_at, replace_key, ord);

    IF cardinality(p_delegators) > 0 THEN
        verdicts := delegated_verdicts(verdicts, p_ids, p_kinds, p_created, p_delegators);
    END IF;

    IF EXISTS (SELECT FROM unnest(p_keys, verdicts) i (key, verdict) WHERE key IS NOT NULL AND verdict = 0) THEN
        PERFORM remove_events(ARRAY(
            SELECT e.seq FROM unnest(p_keys, verdicts) i (key, verdict)
            JOIN events e ON e.replace_key = i.key WHERE i.verdict = 0));
    END IF;

    WITH stored AS (
        INSERT INTO events (id, author, kind, created_at, id_head, expires_at, replace_key, tags, raw)
        SELECT i.id, i.author, i.kind, i.created_at, i.id_head, i.expires_at, i.replace_key,
            p_tags[coalesce(p_tag_ends[i.ord - 1], 0) + 1 : i.tag_end], i.raw
        FROM unnest(p_ids, p_authors, p_kinds, p_created, p_heads, p_expires, p_keys, p_raws, p_tag_ends, verdicts)
            WITH ORDINALITY
            AS i (id, author, kind, created_at, id_head, expires_at, replace_key, raw, tag_end, verdict, ord)
        WHERE i.verdict = 0
        RETURNING seq, author, kind, created_at, id_head, tags
    ), tagged AS (
        INSERT INTO searchable_tags (tag, created_at, id_head, event, kind, author)
        SELECT tag, s.created_at, s.id_head, s.seq, s.kind, s.author FROM stored s, unnest(s.tags) tag
    )
    SELECT max(seq) INTO last_seq FROM stored;

    IF cardinality(p_delegators) > 0 THEN
        PERFORM note_delegators(verdicts, p_ids, p_delegators);
    END IF;
END $$;

-- Notes what is to be deleted, and removes what is here: only the author's own or gift wraps to him, and no request to
-- delete or to vanish.
CREATE FUNCTION delete_targets(
    p_targets bytea[], p_authors int4[], p_until bigint[], p_deletions bytea[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delete_events AS d (target, author, until, deletion)
    SELECT DISTINCT ON (t.target, t.author) t.target, t.author, t.until, t.deletion
    FROM unnest(p_targets, p_authors, p_until, p_deletions) t (target, author, until, deletion)
    ORDER BY t.target, t.author, t.until DESC
    ON CONFLICT (target, author) DO UPDATE
        SET until = excluded.until, deletion = excluded.deletion WHERE excluded.until > d.until;

    PERFORM remove_events(ARRAY(
        SELECT e.seq FROM unnest(p_targets, p_authors, p_until) t (target, author, until)
        JOIN events e ON e.id = t.target AND (e.author = t.author OR e.kind = 1059 AND is_recipient(t.author, e.raw))
        WHERE t.until IS NULL AND e.kind NOT IN (5, 62)
        UNION
        SELECT e.seq FROM unnest(p_targets, p_authors, p_until) t (target, author, until)
        JOIN events e ON e.id = t.target
        JOIN event_delegators d ON d.event = e.seq AND d.author = t.author
        WHERE t.until IS NULL AND e.kind NOT IN (5, 62)
        UNION
        SELECT e.seq FROM unnest(p_targets, p_authors, p_until) t (target, author, until)
        JOIN events e ON e.replace_key = t.target AND e.author = t.author
        WHERE e.created_at <= t.until));
END $$;

-- What was removed, in the order of commits: who keeps events in memory follows it. Rows are dropped after ten minutes.
CREATE TABLE removals (
    -- Grows in the order of commits: whoever calls remove_events() holds the lock of ingest().
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- events.seq
    seqs bigint[] NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

-- Removes events with their words and tags, and notes it. PL/pgSQL, since the plans of a function in SQL are made anew at every call:
-- that was a tenth of what ingest() costs.
CREATE FUNCTION remove_events(p_seqs bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    removed bigint;
BEGIN
    IF cardinality(p_seqs) = 0 THEN
        RETURN 0;
    END IF;
    WITH removed AS (
        DELETE FROM events WHERE seq = ANY (p_seqs) RETURNING 1
    ), untagged AS (
        DELETE FROM searchable_tags WHERE event = ANY (p_seqs)
    ), undelegated AS (
        DELETE FROM event_delegators WHERE event = ANY (p_seqs)
    ), unsearched AS (
        DELETE FROM searchable_contents WHERE event = ANY (p_seqs)
    ), noted AS (
        INSERT INTO removals (seqs) VALUES (p_seqs)
    )
    SELECT count(*) INTO removed FROM removed;
    RETURN removed;
END $$;

-- Removes events whose time has passed (NIP-40), the first of them first.
CREATE FUNCTION remove_expired(p_now bigint, p_at_most bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    -- The lock of ingest(): two that delete the same rows in different orders would wait for each other.
    PERFORM pg_advisory_xact_lock(5327001);
    RETURN remove_events(ARRAY(
        SELECT seq FROM events WHERE expires_at <= p_now ORDER BY expires_at LIMIT p_at_most));
END $$;
