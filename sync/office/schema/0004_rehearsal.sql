-- What a rehearsal of new prices has to know of the sales of before.
ALTER TABLE sale ADD COLUMN opened_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sale_line ADD COLUMN entry TEXT NOT NULL DEFAULT '';
ALTER TABLE sale_line ADD COLUMN overridden INTEGER NOT NULL DEFAULT 0;
