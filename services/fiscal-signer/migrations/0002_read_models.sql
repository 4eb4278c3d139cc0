-- What the HTTP routes read. Filled by projections.py; derived from the log and rebuilt from it.

CREATE TABLE tse_overview (
    tse_id             text        COLLATE "C" NOT NULL PRIMARY KEY,
    store_id           text        COLLATE "C" NOT NULL,
    kind               text,
    certified          boolean,
    serial             text        COLLATE "C",
    public_key         text,
    algorithm          text,
    time_format        text,
    certificate        text,
    initialized_at     timestamptz,
    signature_counter  bigint      NOT NULL DEFAULT 0,
    transaction_number bigint      NOT NULL DEFAULT 0,
    signed             bigint      NOT NULL DEFAULT 0,
    unsigned           bigint      NOT NULL DEFAULT 0,
    outage_id          text,
    outage_reason      text,
    outage_began_at    timestamptz
);

CREATE INDEX tse_overview_serial ON tse_overview (serial);
CREATE INDEX tse_overview_outage ON tse_overview (tse_id) WHERE outage_id IS NOT NULL;

-- One row per signature counter of a device: what it was used for.
CREATE TABLE signature_log (
    tse_id             text        COLLATE "C" NOT NULL,
    signature_counter  bigint      NOT NULL,
    purpose            text        NOT NULL,
    booking_id         text        COLLATE "C" NOT NULL,
    store_id           text        COLLATE "C" NOT NULL,
    client_id          text        NOT NULL,
    transaction_number bigint,
    log_message        text        NOT NULL,
    PRIMARY KEY (tse_id, signature_counter)
);

CREATE TABLE booking_verdict (
    booking_id text COLLATE "C" NOT NULL PRIMARY KEY,
    store_id   text COLLATE "C" NOT NULL,
    tse_id     text COLLATE "C" NOT NULL,
    verdict    text NOT NULL CHECK (verdict IN ('signed', 'unsigned')),
    signature_counter bigint,
    document   json NOT NULL   -- the event as it was recorded
);

CREATE INDEX booking_verdict_counter ON booking_verdict (tse_id, signature_counter)
    WHERE signature_counter IS NOT NULL;
