-- Names and PINs of the people at the tills (adapters/cashier_desk.py): no event holds them, and a
-- removed person is forgotten. `version` is that of the cashier's stream.
CREATE TABLE cashier_secret (
    cashier_id text PRIMARY KEY,
    version    bigint NOT NULL,
    name       text,
    store_ids  text[] NOT NULL DEFAULT '{}',
    pin_salt   bytea,
    pin_hash   bytea,
    CHECK ((pin_salt IS NULL) = (pin_hash IS NULL))
);
CREATE INDEX cashier_secret_stores ON cashier_secret USING gin (store_ids);

-- Wrong PINs and cards at a till since the last right one.
CREATE TABLE sign_in_try (
    till_id      text PRIMARY KEY,
    tries        integer NOT NULL,
    locked_until timestamptz
);

-- Read model: the bookings of a till (projections_till_bookings.py).
CREATE TABLE till_booking (
    booking_id    text PRIMARY KEY,
    store_id      text NOT NULL,
    till_id       text NOT NULL,
    state         text NOT NULL CHECK (state IN ('open', 'parked', 'recorded', 'aborted')),
    kind          text NOT NULL,
    number        bigint,
    shift         integer,
    business_date date,
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    total         bigint NOT NULL,
    currency      text NOT NULL,
    verdict       text CHECK (verdict IN ('signed', 'unsigned')),
    paper         text CHECK (paper IN ('queued', 'printed')),
    cashier_id    text,
    label         text,
    -- Of an open booking: what its lines come to, one by one.
    lines         jsonb
);
CREATE INDEX till_booking_newest ON till_booking (till_id, started_at DESC, booking_id);
CREATE INDEX till_booking_day ON till_booking (till_id, business_date);
CREATE INDEX till_booking_number ON till_booking (till_id, number);
CREATE INDEX till_booking_open ON till_booking (till_id) WHERE state IN ('open', 'parked');
