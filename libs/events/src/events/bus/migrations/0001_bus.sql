-- The bus in PostgreSQL: topics as tables of records, groups as leases on their partitions.

-- `head` is the offset of a topic's newest record. Publishing moves it first, and so holds the row's
-- lock until its records are committed: offsets are gapless, and become visible in their order.
CREATE TABLE topic (
    id         integer  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text     COLLATE "C" NOT NULL UNIQUE,
    -- Fixed for life: another number moves keys.
    partitions smallint NOT NULL CHECK (partitions > 0),
    head       bigint   NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

CREATE TABLE record (
    topic        integer     NOT NULL REFERENCES topic,
    partition    smallint    NOT NULL,
    "offset"     bigint      NOT NULL,
    key          text        COLLATE "C" NOT NULL,
    headers      json        NOT NULL,
    value        bytea       NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, "offset")
);

CREATE TABLE member (
    topic integer     NOT NULL REFERENCES topic,
    grp   text        COLLATE "C" NOT NULL,
    id    uuid        NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (topic, grp, id)
);

-- Who may read a partition for a group, until when, and how far the group has come (`done`).
-- `epoch` grows with each change of hands, so that an owner who slept is told apart.
CREATE TABLE lease (
    topic     integer  NOT NULL REFERENCES topic,
    grp       text     COLLATE "C" NOT NULL,
    partition smallint NOT NULL,
    owner     uuid,
    epoch     bigint   NOT NULL DEFAULT 0,
    until     timestamptz,
    done      bigint   NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, grp, partition)
) WITH (fillfactor = 20);

-- One sign of life of a member: it renews what it holds, gives back what others should have (unless
-- it still works on it: `busy`), and takes what is free and should be its own. Answers what it holds.
CREATE FUNCTION renew(
    the_topic integer, the_grp text, me uuid, lease_for interval, busy smallint[]
) RETURNS TABLE (held_partition smallint, held_epoch bigint, held_done bigint, wanted boolean)
LANGUAGE plpgsql AS $$
DECLARE
    t       timestamptz;
    members uuid[];
    place   integer;
    n       integer;
BEGIN
    -- Members that change the group at the same moment take turns.
    PERFORM pg_advisory_xact_lock(hashtextextended(the_grp, the_topic));
    t := clock_timestamp();
    DELETE FROM member WHERE topic = the_topic AND grp = the_grp AND until < t AND id <> me;
    INSERT INTO member (topic, grp, id, until) VALUES (the_topic, the_grp, me, t + lease_for)
        ON CONFLICT (topic, grp, id) DO UPDATE SET until = excluded.until;
    SELECT array_agg(id ORDER BY id) INTO members
        FROM member WHERE topic = the_topic AND grp = the_grp;
    n := cardinality(members);
    place := array_position(members, me) - 1;

    UPDATE lease SET until = t + lease_for
        WHERE topic = the_topic AND grp = the_grp AND owner = me
          AND (partition % n = place OR partition = ANY (busy));
    UPDATE lease SET owner = NULL, until = NULL
        WHERE topic = the_topic AND grp = the_grp AND owner = me
          AND partition % n <> place AND NOT partition = ANY (busy);
    UPDATE lease SET owner = me, epoch = epoch + 1, until = t + lease_for
        WHERE topic = the_topic AND grp = the_grp AND partition % n = place
          AND owner IS DISTINCT FROM me AND (owner IS NULL OR until < t);

    RETURN QUERY SELECT partition, epoch, done, partition % n <> place FROM lease
        WHERE topic = the_topic AND grp = the_grp AND owner = me;
END;
$$;
