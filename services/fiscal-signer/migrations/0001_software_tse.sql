-- The memory of the software TSE (not certified, for test and training): its key, its counters and
-- its own log. Outside the event log on purpose: a device's memory is not ours to derive, and after
-- a crash it is asked what it has done.

CREATE TABLE software_tse (
    tse_id             text        COLLATE "C" NOT NULL PRIMARY KEY,
    curve              text        NOT NULL,
    sealed_key         bytea       NOT NULL,   -- AES-256-GCM under a key from the chain's root key
    public_key         bytea       NOT NULL,
    certificate        bytea       NOT NULL,
    initialized_at     timestamptz NOT NULL,
    signature_counter  bigint      NOT NULL CHECK (signature_counter >= 0),
    transaction_number bigint      NOT NULL CHECK (transaction_number >= 0),
    last_log_time      bigint      NOT NULL,   -- unix seconds
    clients            jsonb       NOT NULL,
    open_transactions  jsonb       NOT NULL    -- number -> client
) WITH (fillfactor = 50);

CREATE TABLE software_tse_log (
    tse_id            text   COLLATE "C" NOT NULL REFERENCES software_tse,
    signature_counter bigint NOT NULL CHECK (signature_counter > 0),
    log_message       bytea  NOT NULL,
    PRIMARY KEY (tse_id, signature_counter)
);

-- Who drives a device now. The epoch grows when the owner changes.
CREATE TABLE tse_lease (
    tse_id text        COLLATE "C" NOT NULL PRIMARY KEY,
    owner  text        NOT NULL,
    epoch  bigint      NOT NULL CHECK (epoch > 0),
    until  timestamptz NOT NULL
);
