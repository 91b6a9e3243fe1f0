-- oldest: 0.2.0
CREATE TABLE credentials (
  id text COLLATE "C" PRIMARY KEY,
  project text COLLATE "C" NOT NULL REFERENCES projects (id),
  name text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  sealed text COLLATE "C" NOT NULL,   -- its fields, encrypted
  token text,                         -- what it was given for a time, encrypted
  expires_at bigint,                  -- when that time is over
  pending text,                       -- a person's consent that is under way, encrypted
  state text COLLATE "C" NOT NULL,    -- ready, unconnected, revoked
  problem text,                       -- why it cannot be used
  revision bigint NOT NULL,
  lease text,                         -- who renews the token
  leased_until bigint,
  created_at bigint NOT NULL,
  created_by text COLLATE "C" NOT NULL,
  updated_at bigint NOT NULL
);
CREATE UNIQUE INDEX credentials_by_name ON credentials (project, name);
