-- Whose sale it was: a number that says nothing by itself; empty for nobody's. And the groups that
-- the customer was in then, as a JSON array.
ALTER TABLE sale ADD COLUMN customer TEXT NOT NULL DEFAULT '';
ALTER TABLE sale ADD COLUMN groups TEXT NOT NULL DEFAULT '[]';
