-- The journal: every event that an inspection may ask for, as it came over the bus, those of store
-- boxes too. Exports read nothing else. Entries are kept for at least ten years (policy
-- `records.retention`); nothing in the program deletes or changes one.

-- The last position that was given. Its row is the lock under which positions are given, so an
-- entry becomes visible before any entry with a higher position is: who has read up to a position
-- will never find another one below it.
CREATE TABLE journal_head (
    the_one  boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (the_one),
    position bigint  NOT NULL
) WITH (fillfactor = 10);
INSERT INTO journal_head (position) VALUES (0);

CREATE TABLE journal (
    position      bigint      NOT NULL PRIMARY KEY,
    event_id      uuid        NOT NULL UNIQUE,
    name          text        COLLATE "C" NOT NULL,
    version       integer     NOT NULL,
    source        text        COLLATE "C" NOT NULL,
    stream        text        COLLATE "C" NOT NULL,
    sequence      integer     NOT NULL,
    recorded_at   timestamptz NOT NULL,
    -- What exports look for:
    -- process: has a number of its till; opening: of a shift; verdict: of a process; start: its
    -- transaction began; rare: master data, TSEs, outages, surplus signatures; unnumbered: a process
    -- from before shifts; rest: never looked for
    kind          text        COLLATE "C" NOT NULL,
    store_id      text        COLLATE "C" NOT NULL,
    till_id       text        COLLATE "C" NOT NULL DEFAULT '',
    booking_id    text        COLLATE "C" NOT NULL DEFAULT '',
    shift         integer,
    number        bigint,
    business_date date,
    data          text        STORAGE MAIN NOT NULL   -- compressed in its row
) WITH (toast_tuple_target = 256);

-- Several times faster than the default, where the server was built with it.
DO $$ BEGIN
    ALTER TABLE journal ALTER COLUMN data SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;

CREATE INDEX journal_process ON journal (store_id, till_id, shift, number)
    WHERE kind IN ('process', 'opening');
CREATE INDEX journal_booking ON journal (booking_id, kind)
    WHERE kind IN ('process', 'verdict', 'start', 'rare');
CREATE INDEX journal_closing ON journal (business_date, store_id)
    WHERE name = 'till.closed';
CREATE INDEX journal_closed_day ON journal (store_id, business_date) WHERE name = 'till.closed';
CREATE INDEX journal_closed_shift ON journal (store_id, till_id, shift)
    WHERE name = 'till.closed';
CREATE INDEX journal_unnumbered ON journal (store_id, business_date) WHERE kind = 'unnumbered';
CREATE INDEX journal_rare ON journal (name, store_id, position) WHERE kind = 'rare';

CREATE TRIGGER journal_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
