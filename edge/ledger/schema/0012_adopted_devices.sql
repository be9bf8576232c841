-- devices that people adopted at this box; those of edge.toml are not among them
CREATE TABLE adopted_device (
    device   TEXT PRIMARY KEY,
    host     TEXT NOT NULL,
    driver   TEXT NOT NULL,
    till     TEXT NOT NULL,
    roles    TEXT NOT NULL,            -- joined by blanks
    settings TEXT NOT NULL,            -- JSON
    name     TEXT NOT NULL,
    seq      INTEGER NOT NULL          -- of its adoption: the order of devices
) STRICT, WITHOUT ROWID;
