-- oldest: 0.2.0
ALTER TABLE triggers
  ADD COLUMN config text,           -- as the present version has it, as JSON
  ADD COLUMN due_at bigint,         -- when it is looked at next; not if null
  ADD COLUMN epoch integer NOT NULL DEFAULT 0,  -- each look and change raises it
  ADD COLUMN served_at bigint,      -- the last time for which it has started runs
  ADD COLUMN fired_at bigint,       -- when it last started one
  ADD COLUMN cursor text,           -- how far its source has been read, as JSON
  ADD COLUMN error text,            -- why it failed last, as JSON
  ADD COLUMN failures integer NOT NULL DEFAULT 0;  -- in a row
CREATE INDEX triggers_due ON triggers (type, due_at) WHERE due_at IS NOT NULL;

-- The items that a trigger has seen in its source, by a hash of their ids.
CREATE TABLE seen_items (
  workflow_id text COLLATE "C" NOT NULL,
  trigger_id text COLLATE "C" NOT NULL,
  item text COLLATE "C" NOT NULL,
  seen_at bigint NOT NULL,  -- the last time
  PRIMARY KEY (workflow_id, trigger_id, item)
);
CREATE INDEX seen_items_by_age ON seen_items (workflow_id, trigger_id, seen_at);
