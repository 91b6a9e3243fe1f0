CREATE TABLE credentials (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL REFERENCES projects (id),
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  sealed TEXT NOT NULL,    -- its fields, encrypted
  token TEXT,              -- what it was given for a time, encrypted
  expires_at INTEGER,      -- when that time is over
  pending TEXT,            -- a person's consent that is under way, encrypted
  state TEXT NOT NULL,     -- ready, unconnected, revoked
  problem TEXT,            -- why it cannot be used
  revision INTEGER NOT NULL,
  lease TEXT,              -- who renews the token
  leased_until INTEGER,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX credentials_by_name ON credentials (project, name);
