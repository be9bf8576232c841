-- payment terminals whose day was ended from here, or is being ended
CREATE TABLE terminal_day (
    terminal  TEXT PRIMARY KEY,
    asked_seq INTEGER NOT NULL,     -- where its newest end of day was asked for
    ended_seq INTEGER NOT NULL,     -- where it is written how the newest one ended; 0: none yet
    since_seq INTEGER NOT NULL      -- its open day began here: where the last closed one was asked for
) STRICT, WITHOUT ROWID;
