-- What is left on vouchers, and X reports, are printed, too.
ALTER TABLE print_job DROP CONSTRAINT print_job_document_check;
ALTER TABLE print_job ADD CONSTRAINT print_job_document_check CHECK (document IN
    ('receipt', 'voucher_slips', 'remainder_slips', 'center_slip', 'rest_slip', 'order_slip',
     'self_test', 'drawer', 'terminal_report', 'x_report'));
