-- Neither events nor read models: codes that wait for their print, and counters of wrong codes.

-- AES-256-GCM under a key that is not in the database. Gone once the print is acknowledged.
CREATE TABLE delivery (
    voucher_id text  COLLATE "C" NOT NULL PRIMARY KEY,
    key_id     text  NOT NULL,
    nonce      bytea NOT NULL CHECK (length(nonce) = 12),
    sealed     bytea NOT NULL,
    kept_until timestamptz NOT NULL
);

CREATE INDEX delivery_by_end ON delivery (kept_until);

-- Wrong codes of one source (a till, a person) within its current window.
CREATE TABLE attempt (
    source       text    COLLATE "C" NOT NULL PRIMARY KEY,
    since        timestamptz NOT NULL,
    wrong        integer NOT NULL,
    last_at      timestamptz NOT NULL,
    locked_until timestamptz
);

CREATE INDEX attempt_by_last ON attempt (last_at);

-- Wrong codes of all sources together, per hour.
CREATE TABLE attempt_budget (
    hour  timestamptz NOT NULL PRIMARY KEY,
    wrong integer NOT NULL
);
