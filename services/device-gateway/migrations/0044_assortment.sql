-- Read model: what the chain sells (projections_assortment.py), for the search at the tills.
CREATE TABLE article (
    sku           text COLLATE "C" NOT NULL PRIMARY KEY,
    -- The name as it is compared: folded, words only (folding.py).
    folded        text COLLATE "C" NOT NULL,
    words         tsvector NOT NULL,
    article_group text COLLATE "C",
    document      text NOT NULL
);
CREATE INDEX article_by_name ON article (folded, sku);
CREATE INDEX article_by_group ON article (article_group, folded, sku);
CREATE INDEX article_by_word ON article USING gin (words);

-- GTINs, 14 digits each.
CREATE TABLE article_code (
    code text COLLATE "C" NOT NULL PRIMARY KEY,
    sku  text COLLATE "C" NOT NULL
);
CREATE INDEX article_code_of ON article_code (sku);
