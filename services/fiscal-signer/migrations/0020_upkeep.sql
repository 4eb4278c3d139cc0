-- How the TSEs are, and what somebody has to look after. Filled by projections_upkeep.py; derived
-- from the log and rebuilt from it.

CREATE TABLE tse_check (
    tse_id            text        COLLATE "C" NOT NULL PRIMARY KEY,
    store_id          text        COLLATE "C" NOT NULL,
    checked_at        timestamptz NOT NULL,
    self_tested_at    timestamptz,
    time_set_at       timestamptz,
    exported_at       timestamptz,
    failed            text[]      NOT NULL,
    detail            text        NOT NULL,
    drift_ms          bigint,
    certificate_until timestamptz,
    signatures        bigint      NOT NULL,
    signatures_max    bigint,
    storage_used      bigint,
    storage_max       bigint
);

CREATE TABLE tse_warning (
    tse_id   text        COLLATE "C" NOT NULL,
    warning  text        COLLATE "C" NOT NULL,
    store_id text        COLLATE "C" NOT NULL,
    stage    smallint    NOT NULL,
    detail   text        NOT NULL,
    since    timestamptz NOT NULL,
    until    timestamptz,
    PRIMARY KEY (tse_id, warning)
);

-- Log messages that stand in the device alone: only their counter is known.
CREATE TABLE tse_unread (
    tse_id            text        COLLATE "C" NOT NULL,
    signature_counter bigint      NOT NULL,
    noticed_at        timestamptz NOT NULL,
    PRIMARY KEY (tse_id, signature_counter)
);

-- Which warnings were mailed to the chain's operator. No event and not derived: like a print queue.
CREATE TABLE tse_alarm_mail (
    alarm_id text        COLLATE "C" NOT NULL PRIMARY KEY,
    until    timestamptz NOT NULL,   -- whoever took it has so long to send it
    sent_at  timestamptz
);
