-- What a box said ahead of its frames that it sold in them: the newest of each store.
-- verdict '' until the frames are here, then 'agrees' or 'differs'.
CREATE TABLE digest (
    store INTEGER PRIMARY KEY,
    after_seq INTEGER NOT NULL,
    upto_seq INTEGER NOT NULL,
    came_at INTEGER NOT NULL,
    verdict TEXT NOT NULL DEFAULT '',
    body BLOB NOT NULL
);
