-- Read models of the projection `statements` v1, filled from the log and from nothing else.

-- One row per fact that a center has to pay for, or gets back. A subsidy stands with its payer.
CREATE TABLE statement_line (
    position       bigint  NOT NULL PRIMARY KEY,
    what           text    COLLATE "C" NOT NULL,  -- charge, reversal, subsidy, subsidy_back
    charge_id      text    COLLATE "C" NOT NULL,
    reversal_id    text    COLLATE "C",
    rule_id        text    COLLATE "C",
    rule_name      text,
    tax_case       text,
    center_id      text    COLLATE "C" NOT NULL,
    center_number  text    COLLATE "C" NOT NULL,
    center_name    text    NOT NULL,
    card_id        text    COLLATE "C" NOT NULL,
    card_number    text    COLLATE "C" NOT NULL,
    main_group     bigint  NOT NULL,
    user_group     bigint  NOT NULL,
    company_id     text    COLLATE "C" NOT NULL,  -- '': none
    store_id       text    COLLATE "C" NOT NULL,
    till_id        text,
    booking_id     text    COLLATE "C" NOT NULL,
    booking_number bigint,
    day            date    NOT NULL,
    month          text    COLLATE "C" NOT NULL,  -- in which it is settled
    late           boolean NOT NULL,
    offline        boolean NOT NULL,
    lease_id       text,
    fault          text,
    uses           bigint  NOT NULL,
    currency       text    COLLATE "C" NOT NULL,
    amount_minor   bigint  NOT NULL,              -- what the center owes more; less: negative
    refused_minor  bigint  NOT NULL,
    parts          jsonb   NOT NULL,              -- the same by VAT rate; never empty
    at             timestamptz NOT NULL
);

CREATE INDEX statement_line_by_center ON statement_line (center_id, month, day, position);
CREATE INDEX statement_line_by_card ON statement_line (card_id, day, position);
CREATE INDEX statement_line_by_company ON statement_line (company_id, month, day, position)
    WHERE company_id <> '';
CREATE INDEX statement_line_by_month ON statement_line (month, day, position);
CREATE INDEX statement_line_by_day ON statement_line (day, position);
CREATE INDEX statement_line_granted ON statement_line (charge_id, rule_id) WHERE what = 'subsidy';
CREATE INDEX statement_line_faults ON statement_line (day, position)
    WHERE fault IS NOT NULL OR refused_minor > 0;

-- Sums of these rows per day, for everything but single cards.
CREATE TABLE statement_sum (
    center_id          text    COLLATE "C" NOT NULL,
    month              text    COLLATE "C" NOT NULL,
    day                date    NOT NULL,
    main_group         bigint  NOT NULL,
    user_group         bigint  NOT NULL,
    company_id         text    COLLATE "C" NOT NULL,
    store_id           text    COLLATE "C" NOT NULL,
    currency           text    COLLATE "C" NOT NULL,
    vat                text    COLLATE "C" NOT NULL,
    rate               bigint  NOT NULL,
    dsfinvk_key        bigint  NOT NULL,
    charged_minor      bigint  NOT NULL,
    reversed_minor     bigint  NOT NULL,
    subsidies_minor    bigint  NOT NULL,
    returned_minor     bigint  NOT NULL,
    charges            bigint  NOT NULL,  -- each once, in the row of its first VAT rate
    reversals          bigint  NOT NULL,
    late               bigint  NOT NULL,
    rate_charges       bigint  NOT NULL,  -- each in the row of each of its VAT rates
    rate_reversals     bigint  NOT NULL,
    rate_late          bigint  NOT NULL,
    PRIMARY KEY (center_id, month, day, main_group, user_group, company_id, store_id, currency,
        vat, rate, dsfinvk_key)
) WITH (fillfactor = 80);

CREATE INDEX statement_sum_by_month ON statement_sum (month, company_id);
CREATE INDEX statement_sum_by_day ON statement_sum (day);

CREATE TABLE statement_month (
    center_id       text   COLLATE "C" NOT NULL,
    month           text   COLLATE "C" NOT NULL,
    first_position  bigint NOT NULL UNIQUE,
    opened_at       timestamptz NOT NULL,
    closed_at       timestamptz,
    currency        text,
    charged_minor   bigint,               -- as the closing said
    subsidies_minor bigint,
    charges         bigint,
    PRIMARY KEY (center_id, month)
);

CREATE INDEX statement_month_by_month ON statement_month (month, center_id);

-- What the rows are called now, and whose cards and centers they are.
CREATE TABLE statement_center (
    center_id  text COLLATE "C" NOT NULL PRIMARY KEY,
    number     text COLLATE "C" NOT NULL,
    name       text NOT NULL,
    company_id text COLLATE "C" NOT NULL
);

CREATE TABLE statement_company (
    company_id text COLLATE "C" NOT NULL PRIMARY KEY,
    name       text NOT NULL
);

CREATE TABLE statement_group (
    main_group bigint NOT NULL,
    user_group bigint NOT NULL,           -- 0: the main group itself
    name       text   NOT NULL,
    company_id text   COLLATE "C" NOT NULL,
    PRIMARY KEY (main_group, user_group)
);

CREATE INDEX statement_group_by_company ON statement_group (company_id, main_group)
    WHERE company_id <> '';

CREATE INDEX statement_center_by_company ON statement_center (company_id, center_id)
    WHERE company_id <> '';

CREATE TABLE statement_card (
    card_id    text   COLLATE "C" NOT NULL PRIMARY KEY,
    number     text   COLLATE "C" NOT NULL,
    main_group bigint NOT NULL,
    user_group bigint NOT NULL
);
