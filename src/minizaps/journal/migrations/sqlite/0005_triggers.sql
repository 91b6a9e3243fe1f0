ALTER TABLE triggers ADD COLUMN config TEXT;         -- as the present version has it, as JSON
ALTER TABLE triggers ADD COLUMN due_at INTEGER;      -- when it is looked at next; not if null
ALTER TABLE triggers ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;  -- each look and change raises it
ALTER TABLE triggers ADD COLUMN served_at INTEGER;   -- the last time for which it has started runs
ALTER TABLE triggers ADD COLUMN fired_at INTEGER;    -- when it last started one
ALTER TABLE triggers ADD COLUMN cursor TEXT;         -- how far its source has been read, as JSON
ALTER TABLE triggers ADD COLUMN error TEXT;          -- why it failed last, as JSON
ALTER TABLE triggers ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;  -- in a row
CREATE INDEX triggers_due ON triggers (type, due_at) WHERE due_at IS NOT NULL;

-- The items that a trigger has seen in its source, by a hash of their ids.
CREATE TABLE seen_items (
  workflow_id TEXT NOT NULL,
  trigger_id TEXT NOT NULL,
  item TEXT NOT NULL,
  seen_at INTEGER NOT NULL,  -- the last time
  PRIMARY KEY (workflow_id, trigger_id, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_items_by_age ON seen_items (workflow_id, trigger_id, seen_at);
