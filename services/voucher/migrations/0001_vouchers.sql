-- Read models: filled from the log by the projection `vouchers` v1, and from nothing else.

CREATE TABLE voucher_balance (
    voucher_id      text    COLLATE "C" NOT NULL PRIMARY KEY,
    serial          text    COLLATE "C" NOT NULL UNIQUE,
    legal_entity_id text    COLLATE "C" NOT NULL,
    issued_year     integer NOT NULL,
    currency        text    COLLATE "C" NOT NULL,
    state           text    COLLATE "C" NOT NULL,
    value_minor     bigint  NOT NULL,
    redeemed_minor  bigint  NOT NULL,
    cancelled_minor bigint  NOT NULL,
    balance_minor   bigint  NOT NULL,
    held_minor      bigint  NOT NULL,
    valid_until     date    NOT NULL,
    time_zone       text    NOT NULL,
    issued_at       timestamptz NOT NULL,
    last_position   bigint  NOT NULL
);

CREATE INDEX voucher_balance_by_entity ON voucher_balance (legal_entity_id, currency)
    INCLUDE (balance_minor, held_minor);

CREATE TABLE voucher_history (
    position     bigint NOT NULL PRIMARY KEY,
    voucher_id   text   COLLATE "C",
    name         text   COLLATE "C" NOT NULL,
    at           timestamptz NOT NULL,
    amount_minor bigint,
    store_id     text,
    till_id      text,
    booking_id   text,
    hold_id      text,
    reason       text
);

CREATE INDEX voucher_history_by_voucher ON voucher_history (voucher_id, position);

CREATE TABLE voucher_hold (
    hold_id      text    COLLATE "C" NOT NULL PRIMARY KEY,
    voucher_id   text    COLLATE "C" NOT NULL,
    amount_minor bigint  NOT NULL,
    confirmed    boolean NOT NULL,
    expires_at   timestamptz NOT NULL
);

-- What the sweeper looks for: open holds that may run out.
CREATE INDEX voucher_hold_by_expiry ON voucher_hold (expires_at) WHERE NOT confirmed;

-- What the issuer owes, by the year of issue. Summed up from the facts, not from voucher_balance:
-- the two are compared by whoever asks for the liability.
CREATE TABLE voucher_liability (
    legal_entity_id text    COLLATE "C" NOT NULL,
    currency        text    COLLATE "C" NOT NULL,
    issued_year     integer NOT NULL,
    issued_minor    bigint  NOT NULL,
    redeemed_minor  bigint  NOT NULL,
    cancelled_minor bigint  NOT NULL,
    vouchers        bigint  NOT NULL,
    PRIMARY KEY (legal_entity_id, currency, issued_year)
);

-- Recorded bookings that a voucher could not pay or whose voucher is unknown. Somebody has to look.
CREATE TABLE voucher_failure (
    position      bigint NOT NULL PRIMARY KEY,
    name          text   COLLATE "C" NOT NULL,
    voucher_id    text,
    booking_id    text   NOT NULL,
    store_id      text   NOT NULL,
    currency      text   NOT NULL,
    missing_minor bigint NOT NULL,
    reason        text   NOT NULL,
    at            timestamptz NOT NULL
);
