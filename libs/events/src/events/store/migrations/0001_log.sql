-- The log of one service. Lives in the service's schema; the runner sets the search path.

CREATE TABLE event (
    position        bigint      NOT NULL PRIMARY KEY CHECK (position > 0),
    stream          text        COLLATE "C" NOT NULL,
    version         integer     NOT NULL CHECK (version > 0),
    event_id        uuid        NOT NULL UNIQUE,
    type            text        COLLATE "C" NOT NULL,
    schema_version  integer     NOT NULL,
    -- json, not jsonb: the text comes back byte for byte as it was hashed.
    data            json        NOT NULL,
    metadata        json        NOT NULL,
    idempotency_key text        COLLATE "C" NOT NULL,
    recorded_at     timestamptz NOT NULL,
    previous_hash   bytea       NOT NULL CHECK (length(previous_hash) = 32),
    hash            bytea       NOT NULL CHECK (length(hash) = 32),
    UNIQUE (stream, version)
);

-- Which keys were decided, with which input, and where the outcome stands in the log.
-- 0 to 0: decided, and nothing happened.
CREATE TABLE inbox (
    key            text   COLLATE "C" NOT NULL PRIMARY KEY,
    input_hash     bytea  NOT NULL CHECK (length(input_hash) = 32),
    first_position bigint NOT NULL,
    last_position  bigint NOT NULL,
    CHECK (first_position BETWEEN 0 AND last_position)
);

-- Unique keys that decisions have taken (a code's keyed hash, a hold's id).
CREATE TABLE claim (
    key   text COLLATE "C" NOT NULL PRIMARY KEY,
    owner text COLLATE "C" NOT NULL
);

-- How far each reader of this log has come.
CREATE TABLE checkpoint (
    subscription text        COLLATE "C" NOT NULL PRIMARY KEY,
    position     bigint      NOT NULL CHECK (position >= 0),
    moved_at     timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is refused: entries of % are never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END;
$$;

CREATE TRIGGER event_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER inbox_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON inbox
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Stores one batch of decisions (group commit). The caller holds the log's advisory lock, taken in
-- a statement of its own BEFORE this one, in READ COMMITTED: so every statement in here sees what
-- the lock's last holder committed. That is what makes positions gapless and visible in order.
--
-- Decisions ("members") come as parallel arrays. `members_*` has one entry per decision, `parts_*`
-- one per decision and stream, `claims_*` one per claim, `events_*` one per event; parts, claims and
-- events stand in the order of their decisions. Streams and claim keys are named once, and referred
-- to by their number, so that decisions of one batch see what earlier ones of it have done.
--
-- expected: n >= 0 exactly n, -1 anything, -2 at least one event.
-- status: 0 stored, 1 the key was decided before (see inbox), 2 another version was found
-- (culprit: the part, found_version), 3 a claim is taken (culprit: the claim, found_owner).
CREATE FUNCTION append_batch(
    members_key text[], members_input bytea[], members_metadata text[], members_at timestamptz[],
    members_parts int[], members_claims int[],
    streams text[], parts_stream int[], parts_expected int[], parts_events int[],
    claim_keys text[], claims_key int[], claims_owner text[], claims_take bool[],
    events_id uuid[], events_type text[], events_schema int[], events_data text[],
    events_content bytea[],
    OUT status int[], OUT culprit int[], OUT found_version int[], OUT found_owner text[],
    OUT first_position bigint[], OUT events_version int[], OUT events_hash bytea[],
    OUT previous_hash bytea
) LANGUAGE plpgsql AS $$
DECLARE
    members     int := cardinality(members_key);
    decided     bool[];
    versions    int[];
    owners      text[];
    owners_old  text[];
    owners_were text[];
    positions    bigint[];
    previous     bytea[];
    owner_part   int[];   -- event -> part
    owner_member int[];   -- event -> member
    last_position bigint[];
    head        bigint;
    chain       bytea;
    state       int;
    wanted      int;
    version     int;
    p int := 0; c int := 0; e int := 0;   -- parts, claims and events before this member
    e_next int;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append_batch needs READ COMMITTED, not %',
            current_setting('transaction_isolation');
    END IF;

    SELECT event.position, event.hash INTO head, chain
        FROM event ORDER BY event.position DESC LIMIT 1;
    IF NOT FOUND THEN
        head := 0;
        chain := decode(repeat('00', 32), 'hex');
    END IF;
    previous_hash := chain;

    -- Scalar subqueries: one index look-up each, whatever the planner thinks of the table's size.
    -- (EXISTS may be answered by hashing the whole inbox, which grows without end.)
    decided := ARRAY(
        SELECT coalesce((SELECT true FROM inbox WHERE inbox.key = k.key), false)
        FROM unnest(members_key) WITH ORDINALITY AS k(key, i) ORDER BY k.i);
    versions := ARRAY(
        SELECT coalesce((SELECT max(event.version) FROM event WHERE event.stream = s.stream), 0)
        FROM unnest(streams) WITH ORDINALITY AS s(stream, i) ORDER BY s.i);
    IF cardinality(claim_keys) > 0 THEN
        owners := ARRAY(
            SELECT (SELECT claim.owner FROM claim WHERE claim.key = k.key)
            FROM unnest(claim_keys) WITH ORDINALITY AS k(key, i) ORDER BY k.i);
        owners_old := owners;
    END IF;

    status := array_fill(0, ARRAY[members]);
    culprit := status;
    found_version := status;
    found_owner := array_fill(NULL::text, ARRAY[members]);
    first_position := array_fill(0::bigint, ARRAY[members]);
    last_position := first_position;
    -- Filled from the start: an array that grows from its second element has no first one.
    positions := array_fill(NULL::bigint, ARRAY[cardinality(events_id)]);
    previous := array_fill(NULL::bytea, ARRAY[cardinality(events_id)]);
    owner_part := array_fill(NULL::int, ARRAY[cardinality(events_id)]);
    owner_member := owner_part;
    events_version := owner_part;
    events_hash := previous;

    FOR m IN 1 .. members LOOP
        state := 0;
        e_next := e;
        FOR i IN p + 1 .. p + members_parts[m] LOOP
            e_next := e_next + parts_events[i];
        END LOOP;

        IF decided[m] THEN
            state := 1;
        ELSE
            FOR i IN p + 1 .. p + members_parts[m] LOOP
                wanted := parts_expected[i];
                version := versions[parts_stream[i]];
                IF wanted <> version AND (wanted >= 0 OR (wanted = -2 AND version = 0)) THEN
                    state := 2;
                    culprit[m] := i - p;
                    found_version[m] := version;
                    EXIT;
                END IF;
            END LOOP;
        END IF;
        IF state = 0 AND members_claims[m] > 0 THEN
            owners_were := owners;
            FOR i IN c + 1 .. c + members_claims[m] LOOP
                IF NOT claims_take[i] THEN
                    IF owners[claims_key[i]] = claims_owner[i] THEN
                        owners[claims_key[i]] := NULL;
                    END IF;
                ELSIF owners[claims_key[i]] <> claims_owner[i] THEN
                    state := 3;
                    culprit[m] := i - c;
                    found_owner[m] := owners[claims_key[i]];
                    owners := owners_were;
                    EXIT;
                ELSE
                    owners[claims_key[i]] := claims_owner[i];
                END IF;
            END LOOP;
        END IF;

        IF state = 0 THEN
            IF e_next > e THEN
                first_position[m] := head + 1;
            END IF;
            FOR i IN p + 1 .. p + members_parts[m] LOOP
                version := versions[parts_stream[i]];
                FOR j IN 1 .. parts_events[i] LOOP
                    e := e + 1;
                    head := head + 1;
                    version := version + 1;
                    positions[e] := head;
                    previous[e] := chain;
                    -- The same bytes as events/store/chain.py: entry_hash.
                    chain := sha256(
                        chain || int8send(head) || int4send(version) || events_content[e]);
                    events_version[e] := version;
                    events_hash[e] := chain;
                    owner_part[e] := i;
                    owner_member[e] := m;
                END LOOP;
                versions[parts_stream[i]] := version;
            END LOOP;
            IF first_position[m] > 0 THEN
                last_position[m] := head;
            END IF;
        ELSE
            status[m] := state;
        END IF;
        e := e_next;
        p := p + members_parts[m];
        c := c + members_claims[m];
    END LOOP;

    INSERT INTO event (position, stream, version, event_id, type, schema_version, data, metadata,
                       idempotency_key, recorded_at, previous_hash, hash)
        SELECT n.position, streams[parts_stream[n.part]], n.version, n.id, n.type, n.schema,
               n.data::json, members_metadata[n.member]::json, members_key[n.member],
               members_at[n.member], n.previous, n.hash
        FROM unnest(positions, events_version, events_id, events_type, events_schema, events_data,
                    previous, events_hash, owner_part, owner_member)
            AS n(position, version, id, type, schema, data, previous, hash, part, member)
        WHERE n.position IS NOT NULL;

    INSERT INTO inbox (key, input_hash, first_position, last_position)
        SELECT n.key, n.input, n.first_position, n.last_position
        FROM unnest(members_key, members_input, first_position, last_position, status)
            AS n(key, input, first_position, last_position, status)
        WHERE n.status = 0;

    IF cardinality(claim_keys) > 0 THEN
        FOR i IN 1 .. cardinality(claim_keys) LOOP
            IF owners[i] IS NULL AND owners_old[i] IS NOT NULL THEN
                DELETE FROM claim WHERE claim.key = claim_keys[i];
            ELSIF owners[i] IS DISTINCT FROM owners_old[i] THEN
                INSERT INTO claim (key, owner) VALUES (claim_keys[i], owners[i])
                    ON CONFLICT (key) DO UPDATE SET owner = excluded.owner;
            END IF;
        END LOOP;
    END IF;
END;
$$;
