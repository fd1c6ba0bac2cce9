-- Requests to vanish (NIP-62), and what recipients of gift wraps may do with them (NIP-59). What was signed for somebody
-- (NIP-26) vanishes with them: it says what they said, and names them.

CREATE TABLE vanished (
    -- Whose events and gift wraps up to `until` are gone, or are being removed, and never come back.
    author int4 PRIMARY KEY,
    until bigint NOT NULL,
    -- The key of tags that name the author as recipient, as in searchable_tags: a hint, never a proof.
    tag bigint NOT NULL,
    -- The kind 62 event.
    request bytea NOT NULL,
    -- Whether everything has been removed.
    is_done boolean NOT NULL DEFAULT false,
    -- Grows with every request: who looks for what vanished elsewhere than here learns that there is a new one.
    n bigint GENERATED ALWAYS AS IDENTITY UNIQUE
);
CREATE INDEX vanished_by_tag ON vanished (tag);
CREATE INDEX vanished_unfinished ON vanished (until) WHERE NOT is_done;

-- What a request to vanish removes includes what its author asked to delete.
CREATE INDEX delete_events_by_author ON delete_events (author);

-- Whether a gift wrap is for somebody. `["p","` stands in canonical JSON only where a tag begins: the look is exact.
CREATE FUNCTION is_recipient(p_author int4, p_raw bytea) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT position(convert_to('["p","' || encode(pubkey, 'hex') || '"', 'UTF8') IN p_raw) > 0
            FROM authors WHERE id = p_author);
END $$;

-- Called by ingest(), under its lock.
CREATE FUNCTION note_vanished(p_ids bytea[], p_authors int4[], p_kinds int4[], p_created bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO vanished AS v (author, until, tag, request)
    SELECT DISTINCT ON (i.author) i.author, i.created_at,
        ('x' || encode(substring(sha256(convert_to('p' || encode(a.pubkey, 'hex'), 'UTF8')) FOR 8), 'hex'))::bit(64)::bigint,
        i.id
    FROM unnest(p_ids, p_authors, p_kinds, p_created) i (id, author, kind, created_at)
    JOIN authors a ON a.id = i.author
    WHERE i.kind = 62
    ORDER BY i.author, i.created_at DESC
    ON CONFLICT (author) DO UPDATE
        SET until = excluded.until, request = excluded.request, is_done = false, n = DEFAULT WHERE excluded.until > v.until;
END $$;

-- Whether an event that comes now is one of those that vanished: by its author, or as a gift wrap by its recipient.
CREATE FUNCTION is_vanished(p_author int4, p_kind int4, p_created bigint, p_raw bytea, p_tags bigint[]) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM vanished v WHERE v.author = p_author AND v.until >= p_created)
        OR p_kind = 1059 AND EXISTS (
            SELECT FROM vanished v
            WHERE v.tag = ANY (p_tags) AND v.until >= p_created AND is_recipient(v.author, p_raw));
END $$;

-- Removes what has to vanish, a step of one request: how many events, NULL when nothing is left.
CREATE FUNCTION remove_vanished(p_at_most bigint) RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off
AS $$
DECLARE
    request vanished;
    found_seqs bigint[];
BEGIN
    -- The lock of ingest(): nothing is stored meanwhile, and two that remove the same do not wait for each other.
    PERFORM pg_advisory_xact_lock(5327001);
    SELECT * INTO request FROM vanished WHERE NOT is_done ORDER BY until LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    found_seqs := ARRAY(
        SELECT seq FROM events
        WHERE author = request.author AND created_at <= request.until AND kind <> 62 LIMIT p_at_most);
    IF cardinality(found_seqs) < p_at_most THEN
        found_seqs := found_seqs || ARRAY(
            SELECT e.seq FROM searchable_tags t JOIN events e ON e.seq = t.event
            WHERE t.tag = request.tag AND t.kind = 1059 AND t.created_at <= request.until
              AND is_recipient(request.author, e.raw)
              AND e.seq <> ALL (found_seqs)
            LIMIT p_at_most - cardinality(found_seqs));
    END IF;
    IF cardinality(found_seqs) < p_at_most THEN
        found_seqs := found_seqs || ARRAY(
            SELECT d.event FROM event_delegators d
            WHERE d.author = request.author AND d.created_at <= request.until AND d.kind <> 62
              AND d.event <> ALL (found_seqs)
            LIMIT p_at_most - cardinality(found_seqs));
    END IF;
    IF cardinality(found_seqs) < p_at_most THEN
        DELETE FROM delete_events d
        WHERE d.author = request.author AND NOT EXISTS (
            SELECT FROM events e WHERE e.id = d.deletion AND e.seq <> ALL (found_seqs));
        UPDATE vanished SET is_done = true WHERE author = request.author;
    END IF;
    RETURN remove_events(found_seqs);
END $$;
