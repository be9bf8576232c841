-- Whose sale it was: a number that says nothing by itself; empty for nobody's.
ALTER TABLE sale ADD COLUMN customer TEXT NOT NULL DEFAULT '';
