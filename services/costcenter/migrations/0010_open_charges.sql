-- Holds that may run out, for the sweeper and for a till that finds no room; and months that are
-- not closed. Every decision rests on the log.
CREATE TABLE open_charge (
    charge_id  text COLLATE "C" NOT NULL PRIMARY KEY,
    stream     text COLLATE "C" NOT NULL,
    expires_at timestamptz NOT NULL,
    limit_ids  text[] NOT NULL
);

CREATE INDEX open_charge_by_end ON open_charge (expires_at);

CREATE TABLE open_month (
    month     text COLLATE "C" NOT NULL,
    center_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (month, center_id)
);
