-- When the box of a store was given a generation last, to go on in behind a history it had lost (ms
-- since 1970 UTC). 0: never, or a person has confirmed since that the next one may be given.
ALTER TABLE store ADD COLUMN generation_given_at INTEGER NOT NULL DEFAULT 0;
