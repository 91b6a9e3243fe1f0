CREATE TABLE projects (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE workflows (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL REFERENCES projects (id),
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  active INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX workflows_by_name ON workflows (project, name) WHERE deleted_at IS NULL;
CREATE INDEX workflows_by_project ON workflows (project, id);

CREATE TABLE versions (
  workflow_id TEXT NOT NULL REFERENCES workflows (id),
  version INTEGER NOT NULL,
  definition TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  PRIMARY KEY (workflow_id, version)
) STRICT;

-- The triggers of each workflow's present version. A token stays its trigger's over all versions.
CREATE TABLE triggers (
  workflow_id TEXT NOT NULL REFERENCES workflows (id),
  id TEXT NOT NULL,
  type TEXT NOT NULL,
  token TEXT UNIQUE,
  present INTEGER NOT NULL,
  PRIMARY KEY (workflow_id, id)
) STRICT;

CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  workflow_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  status TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  worker TEXT,
  trigger_id TEXT NOT NULL,
  trigger_type TEXT NOT NULL,
  replay_of TEXT,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  due_at INTEGER,       -- queued: since when it is ready; waiting: when it goes on
  deadline INTEGER,
  error_type TEXT,
  error_path TEXT,
  dead_letter TEXT      -- of failed runs: open, replayed, discarded
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_by_project ON runs (project, id);
CREATE INDEX runs_by_status ON runs (project, status, id);
CREATE INDEX runs_by_workflow ON runs (workflow_id, id);
CREATE INDEX runs_queued ON runs (project, due_at) WHERE status = 'queued';
CREATE INDEX runs_waiting ON runs (due_at) WHERE status = 'waiting';
CREATE INDEX runs_running ON runs (worker) WHERE status = 'running';
CREATE INDEX runs_dead ON runs (project, id) WHERE dead_letter = 'open';

CREATE TABLE events (
  run_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  path TEXT,
  attempt INTEGER,
  data TEXT,
  PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  body_hash TEXT NOT NULL,
  run_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created_at);

CREATE TABLE probe (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;

CREATE TABLE keys (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL REFERENCES projects (id),
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  prefix TEXT NOT NULL UNIQUE,
  hash TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL
) STRICT;
CREATE INDEX keys_by_project ON keys (project, id);

CREATE TABLE audit (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  project TEXT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  detail TEXT
) STRICT;
CREATE INDEX audit_by_project ON audit (project, id);
CREATE TRIGGER audit_is_append_only_update BEFORE UPDATE ON audit
  BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_append_only_delete BEFORE DELETE ON audit
  BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
