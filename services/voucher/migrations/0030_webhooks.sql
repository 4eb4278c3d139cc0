-- Who hears of facts over HTTPS. The secret is sealed with AES-256-GCM under a key that is not here.
CREATE TABLE webhook_subscriber (
    webhook_id     text    COLLATE "C" NOT NULL PRIMARY KEY,
    url            text    NOT NULL,
    events         text[]  NOT NULL,
    key_id         text    NOT NULL,
    nonce          bytea   NOT NULL CHECK (length(nonce) = 12),
    sealed         bytea   NOT NULL,
    active         boolean NOT NULL,
    stopped        text,
    created_at     timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL,
    delivered      bigint  NOT NULL DEFAULT 0,
    delivered_at   timestamptz,
    leased_until   timestamptz
);

-- What waits to be sent, filled in the transaction that moves the checkpoint of the log: each fact
-- once per subscriber. A row goes when it is delivered; `dead` ones stay until somebody decides.
CREATE TABLE webhook_delivery (
    webhook_id  text    COLLATE "C" NOT NULL
        REFERENCES webhook_subscriber ON DELETE CASCADE,
    position    bigint  NOT NULL,
    event_id    uuid    NOT NULL,
    name        text    COLLATE "C" NOT NULL,
    body        text    NOT NULL,
    dead        boolean NOT NULL DEFAULT false,
    attempts    integer NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL,
    fault       text,
    PRIMARY KEY (webhook_id, position)
);

CREATE INDEX webhook_delivery_waiting ON webhook_delivery (webhook_id, position) WHERE NOT dead;
