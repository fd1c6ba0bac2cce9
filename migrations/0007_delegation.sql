-- Events that a key signed for another (NIP-26), by that other: laid out as events_by_author finds an author's own.
CREATE TABLE event_delegators (
    -- events.seq
    event bigint PRIMARY KEY,
    -- The delegator.
    author int4 NOT NULL,
    kind int4 NOT NULL,
    created_at bigint NOT NULL,
    id_head bigint NOT NULL
);

CREATE INDEX event_delegators_by_author ON event_delegators (author, kind, created_at DESC, id_head, event);

-- The verdicts of ingest(), where the delegator asked to vanish (4), or for the deletion of an event that was not here yet (3).
CREATE FUNCTION delegated_verdicts(
    p_verdicts int2[], p_ids bytea[], p_kinds int4[], p_created bigint[], p_delegators int4[]
) RETURNS int2[] LANGUAGE sql AS $$
    SELECT array_agg(CASE
        WHEN i.verdict <> 1 AND i.kind <> 62 AND EXISTS (
            SELECT FROM vanished v WHERE v.author = i.delegator AND v.until >= i.created_at) THEN 4
        WHEN i.verdict = 0 AND i.kind NOT IN (5, 62) AND EXISTS (
            SELECT FROM delete_events d
            WHERE d.target = i.id AND d.author = i.delegator AND d.until IS NULL) THEN 3
        ELSE i.verdict END::int2 ORDER BY i.ord)
    FROM unnest(p_verdicts, p_ids, p_kinds, p_created, p_delegators)
        WITH ORDINALITY AS i (verdict, id, kind, created_at, delegator, ord)
$$;

-- Notes the delegators of what ingest() has stored.
CREATE FUNCTION note_delegators(p_verdicts int2[], p_ids bytea[], p_delegators int4[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO event_delegators (event, author, kind, created_at, id_head)
    SELECT e.seq, i.delegator, e.kind, e.created_at, e.id_head
    FROM unnest(p_verdicts, p_ids, p_delegators) AS i (verdict, id, delegator)
    JOIN events e ON e.id = i.id
    WHERE i.verdict = 0 AND i.delegator IS NOT NULL
$$;
