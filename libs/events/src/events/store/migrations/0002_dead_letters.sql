-- Records of the bus that a reaction of this service could not handle, in the order in which they
-- have to be handled. A lane with a letter in here is parked: later records of it come behind.
CREATE TABLE dead_letter (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reaction    text        COLLATE "C" NOT NULL,
    topic       text        COLLATE "C" NOT NULL,
    lane        text        COLLATE "C" NOT NULL,
    -- Tells a redelivered record from a new one.
    fingerprint bytea       NOT NULL CHECK (length(fingerprint) = 32),
    key         text        NOT NULL,
    headers     json        NOT NULL,
    value       bytea       NOT NULL,
    -- Empty for a record that only waits behind another one.
    reason      text        NOT NULL,
    attempts    integer     NOT NULL,
    parked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (reaction, lane, fingerprint)
);

CREATE INDEX dead_letter_by_lane ON dead_letter (reaction, lane, id);
