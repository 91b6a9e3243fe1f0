-- oldest: 0.2.0
ALTER TABLE runs
  ADD COLUMN parent_id uuid,                        -- whose step this run is
  ADD COLUMN awaited smallint NOT NULL DEFAULT 0,   -- whether that one waits for it
  ADD COLUMN signals integer NOT NULL DEFAULT 0,    -- how many have come in
  ADD COLUMN follow_up smallint NOT NULL DEFAULT 0, -- its end concerns other runs
  ADD COLUMN gate text COLLATE "C",   -- what keeps it from starting: debounce, rate, concurrency
  ADD COLUMN limits text;             -- the limits that it is under, as JSON
CREATE INDEX runs_children ON runs (parent_id, id) WHERE parent_id IS NOT NULL;
CREATE INDEX runs_to_follow_up ON runs (id) WHERE follow_up = 1 AND finished_at IS NOT NULL;

-- What came in for a run from outside; the first one of a name counts.
CREATE TABLE signals (
  run_id uuid NOT NULL,
  at bigint NOT NULL,
  number integer NOT NULL,
  name text COLLATE "C" NOT NULL,
  data text NOT NULL,
  PRIMARY KEY (run_id, name)
);

-- The URLs that a step waits for.
CREATE TABLE callbacks (
  token text COLLATE "C" PRIMARY KEY,
  run_id uuid NOT NULL,
  path text COLLATE "C" NOT NULL,
  answer text COLLATE "C" NOT NULL,  -- any, approve, reject
  message text,                      -- for the person who is asked
  secret text                        -- where the secret is that signs the call
);
CREATE UNIQUE INDEX callbacks_by_step ON callbacks (run_id, path, answer);

-- The runs at a gate. Under a concurrency key those that have not ended: those that may go on, those
-- that wait for their turn; under a rate key those that wait to start; under a debounce key the one
-- that waits for silence.
CREATE TABLE turns (
  key text COLLATE "C" NOT NULL,
  run_id uuid NOT NULL,
  taken smallint NOT NULL,
  priority integer NOT NULL,
  place bigint NOT NULL,  -- grows with each arrival
  PRIMARY KEY (key, run_id)
);
CREATE INDEX turns_in_order ON turns (key, taken, priority DESC, place);

-- When the last runs under a rate key started, as JSON, and when that will matter to nobody.
CREATE TABLE rates (
  key text COLLATE "C" PRIMARY KEY,
  starts text NOT NULL,
  expires_at bigint NOT NULL
);
CREATE INDEX rates_by_age ON rates (expires_at);
