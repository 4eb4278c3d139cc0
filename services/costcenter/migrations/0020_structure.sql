-- Read models: filled from the log by the projection `structure` v1, and from nothing else.

CREATE TABLE structure_company (
    company_id text    COLLATE "C" NOT NULL PRIMARY KEY,
    name       text    NOT NULL,
    address    json    NOT NULL,
    vat_id     text,
    closed     boolean NOT NULL
);

CREATE TABLE structure_main_group (
    main_group integer NOT NULL PRIMARY KEY,
    name       text    NOT NULL,
    company_id text
);

CREATE TABLE structure_user_group (
    main_group integer NOT NULL,
    number     integer NOT NULL,
    name       text    NOT NULL,
    mode       text    NOT NULL,
    PRIMARY KEY (main_group, number)
);

CREATE TABLE structure_center (
    center_id   text    COLLATE "C" NOT NULL PRIMARY KEY,
    number      text    COLLATE "C" NOT NULL UNIQUE,
    name        text    NOT NULL,
    company_id  text    COLLATE "C",
    address     json,
    contact_id  text,
    valid_from  date,
    valid_until date,
    blocked     text,
    closed      boolean NOT NULL
);

CREATE INDEX structure_center_by_company ON structure_center (company_id, number);

CREATE TABLE structure_card (
    card_id     text    COLLATE "C" NOT NULL PRIMARY KEY,
    number      text    COLLATE "C" NOT NULL UNIQUE,
    kind        text    NOT NULL,
    medium      text    NOT NULL,
    type        text    NOT NULL,
    main_group  integer NOT NULL,
    user_group  integer NOT NULL,
    center_id   text    COLLATE "C",
    code_hash   text,
    hash_key_id text,
    valid_from  date,
    valid_until date,
    blocked     text,
    ended       boolean NOT NULL
);

CREATE INDEX structure_card_by_center ON structure_card (center_id, number);
CREATE INDEX structure_card_by_group ON structure_card (main_group, user_group, number);

CREATE TABLE structure_limit (
    limit_id text NOT NULL COLLATE "C" PRIMARY KEY,
    level    text NOT NULL,
    scope_id text NOT NULL COLLATE "C",
    document json NOT NULL,
    set_at   timestamptz NOT NULL
);

CREATE INDEX structure_limit_by_scope ON structure_limit (level, scope_id, limit_id);
