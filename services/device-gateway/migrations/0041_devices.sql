-- Scanners, readers and terminals as they are declared now (projections_devices.py), and which
-- process drives which of them.
CREATE TABLE device (
    device_id text PRIMARY KEY,
    store_id  text NOT NULL,
    kind      text NOT NULL,
    name      text NOT NULL,
    till_id   text,
    address   text NOT NULL,
    settings  json NOT NULL
);

CREATE INDEX device_of_store ON device (store_id, device_id);

-- One process drives a device at a time. A lease that was not renewed may be taken over.
CREATE TABLE device_lease (
    device_id text PRIMARY KEY,
    owner     text NOT NULL,
    until     timestamptz NOT NULL
);
