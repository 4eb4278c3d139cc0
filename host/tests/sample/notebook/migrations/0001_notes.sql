CREATE TABLE note_count (
    author text   COLLATE "C" NOT NULL PRIMARY KEY,
    notes  bigint NOT NULL
);
