-- the newest signed word of each second copy in the shop; it permits nothing
CREATE TABLE kept_copy (
    keeper TEXT PRIMARY KEY,           -- its public key, hexadecimal
    seq    INTEGER NOT NULL,           -- it has everything up to here
    kept   BLOB NOT NULL               -- its word, as it came
) STRICT, WITHOUT ROWID;
