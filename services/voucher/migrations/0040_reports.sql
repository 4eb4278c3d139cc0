-- Read models of the projection `vouchers` v2, filled from the log and from nothing else. Those of
-- v1 (0001) stay while a process of the release before may still answer from them.

-- One row per voucher. A redemption changes no indexed column, so the row is updated in place.
CREATE TABLE voucher_book (
    voucher_id            text    COLLATE "C" NOT NULL PRIMARY KEY,
    first_position        bigint  NOT NULL UNIQUE,
    serial                text    COLLATE "C" NOT NULL UNIQUE,
    legal_entity_id       text    COLLATE "C" NOT NULL,
    currency              text    COLLATE "C" NOT NULL,
    kind                  text    COLLATE "C" NOT NULL,
    rate                  integer NOT NULL,
    funding               text    COLLATE "C" NOT NULL,
    reason                text,
    effect                text,
    origin                text    COLLATE "C" NOT NULL,
    code_kind             text    COLLATE "C" NOT NULL,
    batch_id              text    COLLATE "C",
    template_id           text    COLLATE "C",
    printed               boolean NOT NULL,
    state                 text    COLLATE "C" NOT NULL,
    blocked               text,
    value_minor           bigint  NOT NULL,
    consideration_minor   bigint  NOT NULL,
    issued_minor          bigint  NOT NULL,
    topped_up_minor       bigint  NOT NULL,
    transferred_in_minor  bigint  NOT NULL,
    reversed_minor        bigint  NOT NULL,
    restored_minor        bigint  NOT NULL,
    redeemed_minor        bigint  NOT NULL,
    paid_out_minor        bigint  NOT NULL,
    expired_minor         bigint  NOT NULL,
    sale_reversed_minor   bigint  NOT NULL,
    cancelled_minor       bigint  NOT NULL,
    transferred_out_minor bigint  NOT NULL,
    claimed_minor         bigint  NOT NULL,
    balance_minor         bigint  NOT NULL,
    held_minor            bigint  NOT NULL,
    valid_until           date,
    time_zone             text    NOT NULL,
    opened                date    NOT NULL,
    store_id              text    COLLATE "C",
    till_id               text,
    booking_id            text    COLLATE "C",
    last_store_id         text    COLLATE "C",
    last_at               timestamptz NOT NULL,
    issued_at             timestamptz NOT NULL,
    activated_at          timestamptz,
    successor             text,
    account_id            text    COLLATE "C",
    last_position         bigint  NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX voucher_book_by_batch ON voucher_book (batch_id, first_position)
    WHERE batch_id IS NOT NULL;
CREATE INDEX voucher_book_by_template ON voucher_book (template_id, first_position)
    WHERE template_id IS NOT NULL;
CREATE INDEX voucher_book_by_booking ON voucher_book (booking_id) WHERE booking_id IS NOT NULL;
CREATE INDEX voucher_book_weak ON voucher_book (first_position) WHERE code_kind = 'weak';

-- The parts of a value, of vouchers (`voucher-…`) and of accounts (`account-…`).
CREATE TABLE value_lot (
    owner         text    COLLATE "C" NOT NULL,
    lot_id        text    COLLATE "C" NOT NULL,
    opened        date    NOT NULL,
    kind          text    COLLATE "C" NOT NULL,
    rate          integer NOT NULL,
    funding       text    COLLATE "C" NOT NULL,
    valid_until   date,
    value_minor   bigint  NOT NULL,
    left_minor    bigint  NOT NULL,
    expired_minor bigint  NOT NULL,
    PRIMARY KEY (owner, lot_id)
) WITH (fillfactor = 80);

CREATE INDEX value_lot_by_end ON value_lot (valid_until, owner, lot_id);

-- What is owed, as sums per day: in is positive, out is negative, and the sum of all rows up to a
-- day is what was owed at its end. `opened_month` is the first day of the month of the lot's issue.
CREATE TABLE liability_day (
    book            text    COLLATE "C" NOT NULL,
    legal_entity_id text    COLLATE "C" NOT NULL,
    currency        text    COLLATE "C" NOT NULL,
    kind            text    COLLATE "C" NOT NULL,
    rate            integer NOT NULL,
    funding         text    COLLATE "C" NOT NULL,
    opened_month    date    NOT NULL,
    movement        text    COLLATE "C" NOT NULL,
    day             date    NOT NULL,
    amount_minor    bigint  NOT NULL,
    entries         bigint  NOT NULL,
    PRIMARY KEY (day, book, legal_entity_id, currency, kind, rate, funding, opened_month, movement)
) WITH (fillfactor = 80);

-- What each store accepted, gave back and paid out, per day and issuer.
CREATE TABLE store_day (
    day            date   NOT NULL,
    store_id       text   COLLATE "C" NOT NULL,
    book           text   COLLATE "C" NOT NULL,
    issued_by      text   COLLATE "C" NOT NULL,
    accepted_by    text   COLLATE "C" NOT NULL,
    currency       text   COLLATE "C" NOT NULL,
    funding        text   COLLATE "C" NOT NULL,
    redeemed_minor bigint NOT NULL,
    reversed_minor bigint NOT NULL,
    paid_out_minor bigint NOT NULL,
    redemptions    bigint NOT NULL,
    PRIMARY KEY (day, store_id, book, issued_by, accepted_by, currency, funding)
) WITH (fillfactor = 80);

CREATE INDEX store_day_across ON store_day (day) WHERE issued_by <> accepted_by;

-- Every fact of the log as one line. The newest line says how far the read models have come.
CREATE TABLE fact_line (
    position      bigint NOT NULL PRIMARY KEY,
    voucher_id    text   COLLATE "C",
    account_id    text   COLLATE "C",
    name          text   COLLATE "C" NOT NULL,
    at            timestamptz NOT NULL,
    actor         text   NOT NULL,
    currency      text,
    amount_minor  bigint,
    balance_minor bigint,
    store_id      text,
    till_id       text,
    booking_id    text,
    hold_id       text,
    reason        text,
    detail        jsonb
);

CREATE INDEX fact_line_by_voucher ON fact_line (voucher_id, position);
CREATE INDEX fact_line_by_account ON fact_line (account_id, position) WHERE account_id IS NOT NULL;

CREATE TABLE open_hold (
    hold_id      text    COLLATE "C" NOT NULL PRIMARY KEY,
    voucher_id   text    COLLATE "C",
    account_id   text    COLLATE "C",
    currency     text    NOT NULL,
    amount_minor bigint  NOT NULL,
    confirmed    boolean NOT NULL,
    expires_at   timestamptz NOT NULL,
    store_id     text    NOT NULL,
    till_id      text    NOT NULL,
    booking_id   text    NOT NULL,
    purpose      text    NOT NULL,
    held_at      timestamptz NOT NULL
) WITH (fillfactor = 80);

-- What the sweeper looks for: open holds that may run out.
CREATE INDEX open_hold_by_expiry ON open_hold (expires_at) WHERE NOT confirmed;

-- Begun at a till, not recorded yet: sales, top-ups, loads, settlements of fees.
CREATE TABLE preparation (
    what           text   COLLATE "C" NOT NULL,
    preparation_id text   COLLATE "C" NOT NULL,
    position       bigint NOT NULL UNIQUE,
    voucher_id     text   COLLATE "C",
    account_id     text   COLLATE "C",
    serial         text,
    currency       text   NOT NULL,
    amount_minor   bigint NOT NULL,
    store_id       text,
    till_id        text,
    booking_id     text,
    prepared_at    timestamptz NOT NULL,
    expires_at     timestamptz,
    PRIMARY KEY (what, preparation_id)
);

-- What was given up or taken back, each with a reason.
CREATE TABLE concession (
    position     bigint NOT NULL,
    what         text   COLLATE "C" NOT NULL,
    voucher_id   text,
    account_id   text,
    serial       text,
    currency     text   COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    reason       text   NOT NULL CHECK (reason <> ''),
    actor        text   NOT NULL,
    store_id     text   COLLATE "C",
    till_id      text,
    booking_id   text,
    day          date   NOT NULL,
    at           timestamptz NOT NULL,
    PRIMARY KEY (position, what)
);

CREATE INDEX concession_by_day ON concession (day, position);

-- Recorded bookings that a voucher or an account could not cover. Somebody has to look.
CREATE TABLE failure (
    position      bigint NOT NULL PRIMARY KEY,
    name          text   COLLATE "C" NOT NULL,
    voucher_id    text,
    account_id    text,
    serial        text,
    booking_id    text   NOT NULL,
    store_id      text   COLLATE "C" NOT NULL,
    currency      text   COLLATE "C" NOT NULL,
    missing_minor bigint NOT NULL,
    reason        text   NOT NULL,
    offline       boolean NOT NULL,
    at            timestamptz NOT NULL
);

CREATE TABLE overdraft (
    overdraft_id    text   COLLATE "C" NOT NULL PRIMARY KEY,
    position        bigint NOT NULL UNIQUE,
    store_id        text   COLLATE "C" NOT NULL,
    legal_entity_id text,
    voucher_id      text,
    serial          text,
    booking_id      text   NOT NULL,
    currency        text   COLLATE "C" NOT NULL,
    amount_minor    bigint NOT NULL,
    settled_minor   bigint NOT NULL,
    offline         boolean NOT NULL,
    how             text,
    reason          text,
    booked_at       timestamptz NOT NULL,
    settled_at      timestamptz
);

CREATE TABLE account_book (
    account_id      text    COLLATE "C" NOT NULL PRIMARY KEY,
    first_position  bigint  NOT NULL UNIQUE,
    legal_entity_id text    COLLATE "C" NOT NULL,
    holder_id       text    COLLATE "C",
    currency        text    NOT NULL,
    balance_minor   bigint  NOT NULL,
    held_minor      bigint  NOT NULL,
    open_fees_minor bigint  NOT NULL,
    blocked         text,
    cards           jsonb   NOT NULL,
    limits          jsonb   NOT NULL,
    receipt_duty    boolean NOT NULL,
    time_zone       text    NOT NULL,
    opened_at       timestamptz NOT NULL,
    last_at         timestamptz NOT NULL,
    last_position   bigint  NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX account_book_by_holder ON account_book (holder_id) WHERE holder_id IS NOT NULL;

CREATE TABLE account_fee (
    account_id   text   COLLATE "C" NOT NULL,
    fee_id       text   COLLATE "C" NOT NULL,
    position     bigint NOT NULL UNIQUE,
    kind         text   COLLATE "C" NOT NULL,
    currency     text   NOT NULL,
    amount_minor bigint NOT NULL,
    open_minor   bigint NOT NULL,
    due          date   NOT NULL,
    note         text,
    state        text   COLLATE "C" NOT NULL,
    posted_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, fee_id)
);

CREATE INDEX account_fee_open ON account_fee (due, position) WHERE state = 'open';

CREATE TABLE fee_settlement (
    position       bigint NOT NULL PRIMARY KEY,
    settlement_id  text   NOT NULL,
    account_id     text   COLLATE "C" NOT NULL,
    fee_id         text   NOT NULL,
    kind           text   COLLATE "C" NOT NULL,
    how            text   COLLATE "C" NOT NULL,
    currency       text   COLLATE "C" NOT NULL,
    amount_minor   bigint NOT NULL,
    voucher_serial text,
    reason         text,
    actor          text   NOT NULL,
    booking_id     text,
    store_id       text   COLLATE "C",
    day            date   NOT NULL,
    at             timestamptz NOT NULL
);

CREATE INDEX fee_settlement_by_day ON fee_settlement (day, position);

CREATE TABLE batch_book (
    batch_id        text    COLLATE "C" NOT NULL PRIMARY KEY,
    first_position  bigint  NOT NULL UNIQUE,
    kind            text    NOT NULL,
    legal_entity_id text    NOT NULL,
    currency        text,
    cards           bigint  NOT NULL,
    done            bigint  NOT NULL,
    state           text    NOT NULL,
    value_minor     bigint,
    total_minor     bigint,
    template_id     text,
    digest          text,
    reason          text,
    ordered_at      timestamptz NOT NULL,
    completed_at    timestamptz,
    exported_at     timestamptz,
    voided_at       timestamptz
);

CREATE TABLE template_book (
    template_id    text    COLLATE "C" NOT NULL PRIMARY KEY,
    first_position bigint  NOT NULL UNIQUE,
    name           text    NOT NULL,
    kind           text    NOT NULL,
    funding        text    NOT NULL,
    currency       text,
    value_minor    bigint,
    price_minor    bigint,
    active         boolean NOT NULL,
    terms          jsonb   NOT NULL,
    validity       jsonb   NOT NULL,
    defined_at     timestamptz NOT NULL
);
