-- Vouchers that leave by mail. Address and greeting are personal: sealed like the code, and gone
-- once the mail is out. Nothing of this is in an event.
CREATE TABLE mail_outbox (
    voucher_id text  COLLATE "C" NOT NULL PRIMARY KEY,
    key_id     text,
    nonce      bytea CHECK (length(nonce) = 12),
    sealed     bytea,
    state      text  COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'sent', 'failed', 'dropped')),
    tries      integer NOT NULL DEFAULT 0,
    next_at    timestamptz NOT NULL,
    reason     text,
    asked_at   timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    -- What is still to be mailed has an address; what is over has none.
    CHECK ((state = 'waiting') = (sealed IS NOT NULL))
);

CREATE INDEX mail_outbox_waiting ON mail_outbox (next_at) WHERE state = 'waiting';
