-- Neither events nor read models: what batches are made of until it is in the log or handed out,
-- and which batches somebody has to look after.

-- AES-256-GCM under a key that is not in the database. Wiped when the codes are handed out.
CREATE TABLE batch_part (
    batch_id   text    COLLATE "C" NOT NULL,
    part       integer NOT NULL CHECK (part >= 0),
    key_id     text    NOT NULL,
    nonce      bytea   NOT NULL CHECK (length(nonce) = 12),
    sealed     bytea   NOT NULL,
    kept_until timestamptz NOT NULL,
    PRIMARY KEY (batch_id, part)
);

CREATE INDEX batch_part_by_end ON batch_part (kept_until);

CREATE TABLE batch_work (
    batch_id text COLLATE "C" NOT NULL PRIMARY KEY,
    since    timestamptz NOT NULL
);
