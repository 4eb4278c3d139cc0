-- Who may talk to a card terminal now, over all processes. A lease that was not renewed may be
-- taken over. `abort_wanted`: somebody asks its owner to abort what the terminal does.
CREATE TABLE terminal_lease (
    terminal_id  text PRIMARY KEY,
    owner        text NOT NULL,
    until        timestamptz NOT NULL,
    abort_wanted boolean NOT NULL DEFAULT false
);

-- The end of day of a terminal is printed, too.
ALTER TABLE print_job DROP CONSTRAINT print_job_document_check;
ALTER TABLE print_job ADD CONSTRAINT print_job_document_check CHECK (document IN
    ('receipt', 'voucher_slips', 'remainder_slips', 'center_slip', 'order_slip', 'self_test',
     'drawer', 'terminal_report'));
