-- What the voucher service last said a store may take while nobody can be asked
-- (adapters/offline_rules.py): it has to survive a restart without a line.
CREATE TABLE offline_rules (
    store_id text PRIMARY KEY,
    heard_at timestamptz NOT NULL,
    document text NOT NULL
);
