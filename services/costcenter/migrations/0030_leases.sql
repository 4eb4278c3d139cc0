-- Shares of limits that stores may use without a line. Read model of the streams `lease-…`.
CREATE TABLE lease (
    lease_id text COLLATE "C" PRIMARY KEY,
    store_id text COLLATE "C" NOT NULL,
    center_id text NOT NULL,
    card_id text,
    currency text NOT NULL,
    amount_minor bigint NOT NULL,
    left_minor bigint NOT NULL,
    exceeded_minor bigint NOT NULL DEFAULT 0,
    charges integer NOT NULL,
    charges_left integer NOT NULL,
    per_booking_minor bigint,
    granted_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    returned text,
    returned_by text,
    note text,
    returned_at timestamptz
);

CREATE INDEX lease_by_store ON lease (store_id, lease_id);
CREATE INDEX lease_open ON lease (ends_at) WHERE returned IS NULL;
