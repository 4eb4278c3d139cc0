-- Who may talk to a card terminal now, over all processes. A lease that was not renewed may be
-- taken over. `abort_wanted`: somebody asks its owner to abort what the terminal does.
CREATE TABLE terminal_lease (
    terminal_id  text PRIMARY KEY,
    owner        text NOT NULL,
    until        timestamptz NOT NULL,
    abort_wanted boolean NOT NULL DEFAULT false
);
