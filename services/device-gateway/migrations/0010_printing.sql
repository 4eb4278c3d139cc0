-- The print spool: jobs on their way to a printer, and who may send to which printer now.
-- Stations of a job are machinery, not history; what history keeps is `receipt.printed`.

CREATE TABLE print_job (
    job_id      text PRIMARY KEY,
    sequence    bigint GENERATED ALWAYS AS IDENTITY,
    printer_id  text NOT NULL,
    store_id    text NOT NULL,
    till_id     text NOT NULL,
    booking_id  text NOT NULL,
    document    text NOT NULL CHECK (document IN ('receipt', 'voucher_slips')),
    is_copy     boolean NOT NULL,
    state       text NOT NULL
        CHECK (state IN ('queued', 'sending', 'sent', 'confirmed', 'unknown', 'failed')),
    reason      text NOT NULL DEFAULT '',
    tries       integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    owner       text,
    queued_at   timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    reported_at timestamptz,
    -- AES-256-GCM, bound to job_id: a slip's bytes hold the secret code of a voucher. Gone as
    -- soon as the job is at an end, whatever the end.
    payload     bytea,
    CHECK ((payload IS NOT NULL) = (state IN ('queued', 'sending')))
);

CREATE INDEX print_job_waiting ON print_job (printer_id, sequence)
    WHERE state IN ('queued', 'sending');
CREATE INDEX print_job_unreported ON print_job (sequence)
    WHERE reported_at IS NULL AND state IN ('sent', 'confirmed');
CREATE INDEX print_job_of_booking ON print_job (booking_id, document);
CREATE INDEX print_job_attention ON print_job (store_id, sequence)
    WHERE state IN ('unknown', 'failed');

-- One process sends to a printer at a time. A lease that was not renewed may be taken over.
CREATE TABLE print_lease (
    printer_id text PRIMARY KEY,
    owner      text NOT NULL,
    until      timestamptz NOT NULL
);
