-- Holds on accounts and prepared settlements that may run out, for the sweeper. The decision rests
-- on the log.
CREATE TABLE account_reservation (
    reservation_id text COLLATE "C" NOT NULL PRIMARY KEY,
    account_id     text COLLATE "C" NOT NULL,
    expires_at     timestamptz NOT NULL
);

CREATE INDEX account_reservation_by_end ON account_reservation (expires_at);
