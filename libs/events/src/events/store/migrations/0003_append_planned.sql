-- Stores one batch of decisions whose places in the log the caller has worked out beforehand, on top
-- of the entry (`head`, `chain`). True: all of it is stored. False: something is not as the caller
-- thought (another head, a key that was decided, another version, a claim that is taken), nothing is
-- stored, and `append_batch` decides one by one. One round trip: the lock is taken in here, and the
-- statement commits by itself.
--
-- The lock is the first statement of a VOLATILE function in READ COMMITTED: each later statement of it
-- gets a snapshot of its own, and so sees what the lock's last holder has committed. (In a plain SQL
-- statement, or a STABLE function, one snapshot from before the lock would serve for all.)
--
-- `streams` and `expected`: what each stream's newest version has to be. `members_*`: one element per
-- decision. `events_*`: one per event, in the order of the log. `hashes`: 32 bytes per event behind
-- the 32 of `chain`, `inputs`: 32 per decision. Data and metadata are JSON texts, set apart by the
-- character U+001F, which JSON never holds unescaped.
CREATE FUNCTION append_planned(
    lock bigint, head bigint, chain bytea,
    streams text[], expected int[],
    members_key text[], members_first bigint[], members_last bigint[], inputs bytea,
    events_stream text[], events_version int[], events_id uuid[], events_type text[],
    events_schema int[], events_key text[], events_at timestamptz[],
    events_data text, events_metadata text, hashes bytea,
    takes_key text[], takes_owner text[], gives_key text[], gives_owner text[]
) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append_planned needs READ COMMITTED, not %',
            current_setting('transaction_isolation');
    END IF;

    PERFORM pg_advisory_xact_lock(lock);

    IF (SELECT event.position = head AND event.hash = chain
        FROM event ORDER BY event.position DESC LIMIT 1) IS NOT TRUE THEN
        RETURN false;
    END IF;
    -- Scalar subqueries: one index look-up each, whatever the planner thinks of the table's size.
    IF EXISTS (
        SELECT FROM unnest(members_key) AS k(key)
        WHERE (SELECT true FROM inbox WHERE inbox.key = k.key)) THEN
        RETURN false;
    END IF;
    IF EXISTS (
        SELECT FROM unnest(streams, expected) AS s(stream, expected)
        WHERE s.expected <> coalesce(
            (SELECT max(event.version) FROM event WHERE event.stream = s.stream), 0)) THEN
        RETURN false;
    END IF;
    IF cardinality(takes_key) > 0 AND EXISTS (
        SELECT FROM unnest(takes_key) AS k(key)
        WHERE (SELECT true FROM claim WHERE claim.key = k.key)) THEN
        RETURN false;
    END IF;

    INSERT INTO event (position, stream, version, event_id, type, schema_version, data, metadata,
                       idempotency_key, recorded_at, previous_hash, hash)
        SELECT head + n.i, n.stream, n.version, n.id, n.type, n.schema, n.data::json,
               n.metadata::json, n.key, n.at,
               substr(hashes, 32 * n.i::int - 31, 32), substr(hashes, 32 * n.i::int + 1, 32)
        FROM unnest(events_stream, events_version, events_id, events_type, events_schema,
                    events_key, events_at, string_to_array(events_data, E'\x1f'),
                    string_to_array(events_metadata, E'\x1f'))
            WITH ORDINALITY
            AS n(stream, version, id, type, schema, key, at, data, metadata, i);

    INSERT INTO inbox (key, input_hash, first_position, last_position)
        SELECT n.key, substr(inputs, 32 * n.i::int - 31, 32), n.first, n.last
        FROM unnest(members_key, members_first, members_last)
            WITH ORDINALITY AS n(key, first, last, i);

    IF cardinality(takes_key) > 0 THEN
        INSERT INTO claim (key, owner)
            SELECT n.key, n.owner FROM unnest(takes_key, takes_owner) AS n(key, owner);
    END IF;
    IF cardinality(gives_key) > 0 THEN
        DELETE FROM claim USING unnest(gives_key, gives_owner) AS n(key, owner)
            WHERE claim.key = n.key AND claim.owner = n.owner;
    END IF;
    RETURN true;
END;
$$;
