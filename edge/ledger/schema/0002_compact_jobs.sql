-- one page for each job instead of one for the job and one for the index of its id

CREATE TABLE open_job (
    job_id   TEXT PRIMARY KEY,
    n        INTEGER NOT NULL,         -- the order in which they came
    kind     TEXT NOT NULL,
    till     TEXT NOT NULL,
    sale     TEXT NOT NULL,
    device   TEXT NOT NULL,
    attempt  INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    args     BLOB NOT NULL             -- zlib of the arguments
) STRICT, WITHOUT ROWID;
INSERT INTO open_job SELECT job_id, n, kind, till, sale, device, attempt, deadline, args
    FROM device_job;
DROP TABLE device_job;
ALTER TABLE open_job RENAME TO device_job;
