-- Exports that were asked for. `state`, what was asked and what came of it are derived from the log
-- (projections.py); the rest is how the work goes on, and is no fact.

CREATE TABLE export_job (
    export_id        text        COLLATE "C" NOT NULL PRIMARY KEY,
    kind             text        NOT NULL,
    request          json        NOT NULL,   -- export.requested
    result           json,                   -- export.created
    state            text        NOT NULL CHECK (state IN ('waiting', 'failed', 'done')),
    requested_at     timestamptz NOT NULL,
    failure          text,
    detail           text,
    closings         bigint      NOT NULL DEFAULT 0,
    closings_max     bigint      NOT NULL DEFAULT 0,
    rows             bigint      NOT NULL DEFAULT 0,
    worker           text,
    worker_until     timestamptz
);

CREATE INDEX export_job_waiting ON export_job (requested_at) WHERE state = 'waiting';
