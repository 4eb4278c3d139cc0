-- Papers of several kinds on several printers; what a printer is known to be like; what somebody
-- has looked at.
ALTER TABLE print_job DROP CONSTRAINT print_job_document_check;
ALTER TABLE print_job ADD CONSTRAINT print_job_document_check CHECK (document IN
    ('receipt', 'voucher_slips', 'remainder_slips', 'center_slip', 'order_slip', 'self_test',
     'drawer'));

-- When nobody tries any more; NULL: as the printer's owner has it. A drawer must not open later.
ALTER TABLE print_job ADD COLUMN give_up_at timestamptz;
-- Of a job with several papers, how many a printer that fetches them has confirmed.
ALTER TABLE print_job ADD COLUMN part integer NOT NULL DEFAULT 0;
-- The last of them that it has fetched.
ALTER TABLE print_job ADD COLUMN fetched integer NOT NULL DEFAULT -1;
-- Somebody looked at a job that went wrong, and said what came of it.
ALTER TABLE print_job ADD COLUMN seen_at timestamptz;
ALTER TABLE print_job ADD COLUMN seen_reason text;

CREATE INDEX print_job_of_store ON print_job (store_id, sequence DESC);

DROP INDEX print_job_attention;
CREATE INDEX print_job_attention ON print_job (store_id, sequence)
    WHERE state IN ('unknown', 'failed') AND seen_at IS NULL;

-- As the process that last reached for the printer found it. No row: nobody has.
CREATE TABLE printer_state (
    printer_id text PRIMARY KEY,
    store_id   text NOT NULL,
    state      text NOT NULL CHECK (state IN ('ready', 'warning', 'down')),
    reason     text NOT NULL DEFAULT '',
    since      timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL
);
