-- Wrong codes are counted per family: our own codes, and the short ones of other systems.
ALTER TABLE attempt_budget ADD COLUMN guard text COLLATE "C" NOT NULL DEFAULT 'own';
ALTER TABLE attempt_budget DROP CONSTRAINT attempt_budget_pkey;
ALTER TABLE attempt_budget ADD PRIMARY KEY (guard, hour);
ALTER TABLE attempt_budget ALTER COLUMN guard DROP DEFAULT;
UPDATE attempt SET source = 'own/' || source;
