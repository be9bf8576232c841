-- In which event store the frames are that all this follows from: cursors count positions there.
CREATE TABLE frames_kept_in (identity TEXT NOT NULL) STRICT;
INSERT INTO frames_kept_in SELECT 'sqlite' FROM frame LIMIT 1;
