-- Neither events nor read models.

-- Whom to ask about a center. Persons stand here alone, so that they can be deleted.
CREATE TABLE contact (
    contact_id text COLLATE "C" NOT NULL PRIMARY KEY,
    name       text NOT NULL,
    phone      text,
    mail       text,
    changed_at timestamptz NOT NULL
);

-- Imports: how far each is, and its rows until they are in the log. Codes stand in them as hashes.
CREATE TABLE structure_import (
    import_id  text    COLLATE "C" NOT NULL PRIMARY KEY,
    kind       text    NOT NULL,
    state      text    NOT NULL
        CHECK (state IN ('checking', 'checked', 'running', 'completed', 'refused')),
    dry_run    boolean NOT NULL,
    rows       integer NOT NULL,
    done       integer NOT NULL,
    facts      integer NOT NULL,
    report     json    NOT NULL,
    since      timestamptz NOT NULL
);

CREATE INDEX structure_import_open ON structure_import (since)
    WHERE state IN ('checking', 'running');

CREATE TABLE structure_import_part (
    import_id text    COLLATE "C" NOT NULL,
    part      integer NOT NULL,
    content   bytea   NOT NULL,
    PRIMARY KEY (import_id, part)
);
