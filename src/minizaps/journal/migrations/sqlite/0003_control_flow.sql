ALTER TABLE runs ADD COLUMN parent_id TEXT;                        -- whose step this run is
ALTER TABLE runs ADD COLUMN awaited INTEGER NOT NULL DEFAULT 0;    -- whether that one waits for it
ALTER TABLE runs ADD COLUMN signals INTEGER NOT NULL DEFAULT 0;    -- how many have come in
ALTER TABLE runs ADD COLUMN follow_up INTEGER NOT NULL DEFAULT 0;  -- its end concerns other runs
ALTER TABLE runs ADD COLUMN gate TEXT;      -- what keeps it from starting: debounce, rate, concurrency
ALTER TABLE runs ADD COLUMN limits TEXT;    -- the limits that it is under, as JSON
CREATE INDEX runs_children ON runs (parent_id, id) WHERE parent_id IS NOT NULL;
CREATE INDEX runs_to_follow_up ON runs (id) WHERE follow_up = 1 AND finished_at IS NOT NULL;

-- What came in for a run from outside; the first one of a name counts.
CREATE TABLE signals (
  run_id TEXT NOT NULL,
  name TEXT NOT NULL,
  number INTEGER NOT NULL,
  at INTEGER NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

-- The URLs that a step waits for.
CREATE TABLE callbacks (
  token TEXT PRIMARY KEY,
  run_id TEXT NOT NULL,
  path TEXT NOT NULL,
  answer TEXT NOT NULL,  -- any, approve, reject
  message TEXT,          -- for the person who is asked
  secret TEXT            -- where the secret is that signs the call
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX callbacks_by_step ON callbacks (run_id, path, answer);

-- The runs at a gate. Under a concurrency key those that have not ended: those that may go on, those
-- that wait for their turn; under a rate key those that wait to start; under a debounce key the one
-- that waits for silence.
CREATE TABLE turns (
  key TEXT NOT NULL,
  run_id TEXT NOT NULL,
  taken INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  place INTEGER NOT NULL,  -- grows with each arrival
  PRIMARY KEY (key, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX turns_in_order ON turns (key, taken, priority DESC, place);

-- When the last runs under a rate key started, as JSON, and when that will matter to nobody.
CREATE TABLE rates (
  key TEXT PRIMARY KEY,
  starts TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX rates_by_age ON rates (expires_at);
