-- Read model: filled from the log by the projection `catalogue` v1, and from nothing else.

CREATE TABLE voucher_template (
    template_id text    COLLATE "C" NOT NULL PRIMARY KEY,
    active      boolean NOT NULL,
    -- Empty: every store may sell it.
    stores      text[]  NOT NULL,
    document    text    NOT NULL
);
