-- Slips with the new code of a voucher whose short one was used.
ALTER TABLE print_job DROP CONSTRAINT print_job_document_check;
ALTER TABLE print_job ADD CONSTRAINT print_job_document_check
    CHECK (document IN ('receipt', 'voucher_slips', 'remainder_slips'));
