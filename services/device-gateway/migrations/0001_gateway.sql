-- Read model: bookings that somebody still has to do something about (projections.py).
CREATE TABLE unfinished_booking (
    booking_id   text PRIMARY KEY,
    store_id     text NOT NULL,
    last_at      timestamptz NOT NULL,
    papers_due   integer NOT NULL,
    releases_due integer NOT NULL,
    phase        text NOT NULL CHECK (phase IN ('open', 'recorded'))
);
CREATE INDEX unfinished_booking_last_at ON unfinished_booking (last_at);

-- Counters that protect pairing against guessing (adapters/pairing_tries.py).
CREATE TABLE pairing_try (
    bucket       text NOT NULL,
    window_start timestamptz NOT NULL,
    tries        integer NOT NULL,
    PRIMARY KEY (bucket, window_start)
);
