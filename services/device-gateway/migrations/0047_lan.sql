-- Counters that keep one till from flooding others (adapters/limits.py).
CREATE TABLE act_count (
    bucket       text NOT NULL,
    window_start timestamptz NOT NULL,
    acts         integer NOT NULL,
    PRIMARY KEY (bucket, window_start)
);
CREATE INDEX act_count_old ON act_count (window_start);

-- When a till's token was last shown (adapters/till_seen.py); a minute more or less.
CREATE TABLE till_seen (
    till_id text PRIMARY KEY,
    seen_at timestamptz NOT NULL
);
