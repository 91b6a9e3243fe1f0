-- name: start
-- A new run: queued, running where its worker takes it at once (epoch 1), waiting under a limit.
INSERT INTO runs (id, project, workflow_id, version, status, epoch, worker, trigger_id,
                  trigger_type, replay_of, created_at, started_at, due_at, deadline, priority,
                  parent_id, awaited, follow_up, gate, limits)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: adopt
-- The fence of a child's start: a row only where its parent is still held with this epoch.
UPDATE runs SET follow_up = max(follow_up, ?3) WHERE id = ?1 AND epoch = ?2 AND status = 'running'
RETURNING 1;

-- name: insert_event
-- A number that is there already comes from the same write, whose answer was lost.
INSERT INTO events (run_id, seq, at, kind, path, attempt, data) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: add_event
-- An event from outside the lease: numbered after the last one.
INSERT INTO events (run_id, seq, at, kind, data)
SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4 FROM events WHERE run_id = ?1;

-- name: hold
-- The fence of a write that leaves the run running: a row only for the holder of the lease.
SELECT 1 FROM runs WHERE id = ? AND epoch = ? AND status = 'running';

-- name: settle
-- The fence and the run's new status in one: no row changes for a stale worker. A run that would
-- wait, and has signals that its worker has not seen, is due at once.
UPDATE runs SET status = ?1, worker = NULL, finished_at = ?3, error_type = ?4, error_path = ?5,
                dead_letter = ?6,
                due_at = CASE WHEN ?1 = 'waiting' AND signals > ?7 THEN 0 ELSE ?2 END
WHERE id = ?8 AND epoch = ?9 AND status = 'running' RETURNING 1;

-- name: queued_projects
-- Each project that has ready runs, by hops over the index.
WITH RECURSIVE project (id) AS (
  SELECT min(project) FROM runs WHERE status = 'queued'
  UNION ALL
  SELECT (SELECT min(r.project) FROM runs r WHERE r.status = 'queued' AND r.project > project.id)
  FROM project WHERE project.id IS NOT NULL
)
SELECT id FROM project WHERE id IS NOT NULL;

-- name: oldest_queued
SELECT id FROM runs WHERE status = 'queued' AND project = ? AND due_at <= ?
ORDER BY priority DESC, due_at LIMIT ?;

-- name: queued_of
-- Those of these runs that are queued, but of none of these projects.
SELECT id FROM runs WHERE id IN (SELECT value FROM json_each(?1)) AND status = 'queued'
  AND project NOT IN (SELECT value FROM json_each(?2));

-- name: claim
UPDATE runs SET status = 'running', epoch = epoch + 1, worker = ?1, due_at = NULL,
                started_at = coalesce(started_at, ?2)
WHERE id = ?3 AND status = 'queued'
RETURNING {own_columns};

-- name: wake
UPDATE runs SET status = 'queued', due_at = ?1
WHERE id IN (SELECT id FROM runs WHERE status = 'waiting' AND due_at <= ?1 AND gate IS NULL
             ORDER BY due_at LIMIT ?2)
RETURNING id;

-- name: next_due
SELECT min(due_at) FROM runs WHERE status = 'waiting' AND gate IS NULL;

-- name: next_gate_due
SELECT min(due_at) FROM runs WHERE status = 'waiting' AND gate IS NOT NULL;

-- name: left_behind
SELECT id, epoch FROM runs WHERE status = 'running' AND worker <> ? LIMIT ?;

-- name: rescue
UPDATE runs SET status = 'queued', worker = NULL, due_at = ?1
FROM json_each(?2) run JOIN json_each(?3) lease ON lease.key = run.key
WHERE runs.id = run.value AND runs.epoch = lease.value AND status = 'running' RETURNING runs.id;

-- name: cancel
UPDATE runs SET status = 'cancelled', worker = NULL, due_at = NULL, finished_at = ?3
WHERE id = ?1 AND project = ?2 AND status IN ('queued', 'running', 'waiting');

-- name: replay
UPDATE runs SET dead_letter = CASE dead_letter WHEN 'open' THEN 'replayed' ELSE dead_letter END
WHERE id = ?1 AND project = ?2 AND status IN ('succeeded', 'failed', 'cancelled')
  AND (dead_letter = 'open' OR NOT ?3);

-- name: discard
UPDATE runs SET dead_letter = 'discarded'
WHERE id = ?1 AND project = ?2 AND dead_letter = 'open' AND ?3;

-- name: run_for_signal
SELECT status, signals FROM runs WHERE id = ?;

-- name: signal
SELECT data FROM signals WHERE run_id = ? AND name = ?;

-- name: signals
SELECT number, name, at, data FROM signals WHERE run_id = ? AND number > ? ORDER BY number;

-- name: insert_signal
INSERT INTO signals (run_id, name, number, at, data) VALUES (?, ?, ?, ?, ?);

-- name: count_signal
UPDATE runs SET signals = ?2 WHERE id = ?1;

-- name: wake_one
UPDATE runs SET status = 'queued', due_at = ?2 WHERE id = ?1 AND status = 'waiting';

-- name: insert_callback
INSERT INTO callbacks (token, run_id, path, answer, message, secret) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (run_id, path, answer) DO NOTHING;

-- name: callbacks
SELECT path, answer, token FROM callbacks WHERE run_id = ?;

-- name: callbacks_of
SELECT answer, token FROM callbacks WHERE run_id = ? AND path = ?;

-- name: callback
SELECT run_id, path, answer, message, secret FROM callbacks WHERE token = ?;

-- name: held
-- The runs that this worker still holds, with their epochs.
SELECT id, epoch FROM runs WHERE status = 'running' AND worker = ?;

-- name: status
SELECT status FROM runs WHERE id = ? AND project = ?;

-- name: probe
INSERT INTO probe (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at;

-- name: recall
SELECT run_id, body_hash FROM idempotency WHERE scope = ? AND key = ?;

-- name: remember
INSERT INTO idempotency (scope, key, body_hash, run_id, created_at) VALUES (?, ?, ?, ?, ?);

-- name: forget
DELETE FROM idempotency WHERE (scope, key) IN
  (SELECT scope, key FROM idempotency WHERE created_at < ? LIMIT ?);

-- name: expired
SELECT id FROM runs WHERE id < ?1 AND finished_at < ?2 AND (dead_letter IS 'open') = ?4 AND follow_up = 0
ORDER BY id LIMIT ?3;

-- name: delete_events
DELETE FROM events WHERE run_id IN (SELECT value FROM json_each(?));

-- name: delete_signals
DELETE FROM signals WHERE run_id IN (SELECT value FROM json_each(?));

-- name: delete_callbacks
DELETE FROM callbacks WHERE run_id IN (SELECT value FROM json_each(?));

-- name: delete_runs
DELETE FROM runs WHERE id IN (SELECT value FROM json_each(?));

-- name: due_gates
-- The runs at a gate that are to be looked at again.
SELECT id, limits FROM runs WHERE status = 'waiting' AND due_at <= ?1 AND gate IS NOT NULL
ORDER BY due_at, id LIMIT ?2;

-- name: gated
-- A run at a gate, if it is to be looked at again.
SELECT gate, limits, priority, deadline FROM runs
WHERE id = ?1 AND status = 'waiting' AND due_at <= ?2 AND gate IS NOT NULL;

-- name: hold_back
UPDATE runs SET gate = ?2, due_at = ?3 WHERE id = ?1;

-- name: pass_gates
-- A run is ready; its event follows.
UPDATE runs SET status = 'queued', gate = NULL, due_at = ?2
WHERE id = ?1 AND status = 'waiting' RETURNING 1;

-- name: turn_away
-- Cancel a run for another one's sake; its event follows. One that never started concerns no other
-- run but a parent that waits for it.
UPDATE runs SET status = 'cancelled', worker = NULL, due_at = NULL, finished_at = ?2,
                follow_up = CASE WHEN gate IS NULL THEN follow_up ELSE awaited END
WHERE id = ?1 AND status IN ('queued', 'running', 'waiting') RETURNING 1;

-- name: turn_count
-- How many runs have taken their turn, and the highest priority of those that wait for it.
SELECT (SELECT count(*) FROM turns WHERE key = ?1 AND taken = 1),
       (SELECT max(priority) FROM turns WHERE key = ?1 AND taken = 0);

-- name: next_turn
-- The run whose turn it is next, and how many have taken theirs.
SELECT t.run_id, r.status, r.limits, (SELECT count(*) FROM turns WHERE key = ?1 AND taken = 1)
FROM turns t JOIN runs r ON r.id = t.run_id
WHERE t.key = ?1 AND t.taken = 0 ORDER BY t.priority DESC, t.place LIMIT 1;

-- name: waiting_turns
SELECT run_id FROM turns WHERE key = ?1 AND taken = 0 ORDER BY priority DESC, place LIMIT ?2;

-- name: oldest_turns
SELECT run_id FROM turns WHERE key = ?1 AND taken = 1 ORDER BY place LIMIT ?2;

-- name: over_turns
-- The runs that have ended and not been followed up yet.
SELECT t.run_id FROM turns t JOIN runs r ON r.id = t.run_id
WHERE t.key = ?1 AND t.taken = 1 AND r.finished_at IS NOT NULL;

-- name: insert_turn
INSERT INTO turns (key, run_id, taken, priority, place) VALUES (?, ?, ?, ?, ?);

-- name: take_turn
UPDATE turns SET taken = 1 WHERE key = ?1 AND run_id = ?2;

-- name: leave_turns
-- A run is at none of these gates any more; those come back at which it was.
DELETE FROM turns WHERE run_id = ?1 AND key IN (SELECT value FROM json_each(?2)) RETURNING key;

-- name: rate
SELECT starts FROM rates WHERE key = ?;

-- name: keep_rate
INSERT INTO rates (key, starts, expires_at) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET starts = excluded.starts, expires_at = excluded.expires_at;

-- name: line_up
-- The time at which the first of those that wait under a rate are looked at.
UPDATE runs SET due_at = ?2
WHERE id IN (SELECT value FROM json_each(?1)) AND status = 'waiting' AND gate = 'rate'
  AND due_at > ?2;

-- name: forget_rates
DELETE FROM rates WHERE key IN (SELECT key FROM rates WHERE expires_at < ? LIMIT ?);

-- name: to_follow_up
SELECT id FROM runs WHERE follow_up = 1 AND finished_at IS NOT NULL ORDER BY id LIMIT ?;

-- name: ended
-- A run whose end concerns others, who have not been told yet.
SELECT limits, project, parent_id, awaited FROM runs
WHERE id = ? AND follow_up = 1 AND finished_at IS NOT NULL;

-- name: awaited_children
-- The runs that a run has called, and that it waits for.
SELECT id FROM runs
WHERE parent_id = ? AND awaited = 1 AND status IN ('queued', 'running', 'waiting');

-- name: followed_up
UPDATE runs SET follow_up = 0 WHERE id = ? AND finished_at IS NOT NULL;

-- name: run
SELECT {run_columns} FROM runs r LEFT JOIN workflows w ON w.id = r.workflow_id WHERE r.id = ?;

-- name: runs
SELECT {run_columns} FROM runs r LEFT JOIN workflows w ON w.id = r.workflow_id

-- name: events
SELECT seq, at, kind, path, attempt, data FROM events WHERE run_id = ? AND seq > ? ORDER BY seq
LIMIT ?;

-- name: failures
SELECT run_id, data FROM events
WHERE run_id IN (SELECT value FROM json_each(?)) AND kind = 'fail';

-- name: ends
SELECT seq, at, kind, path, attempt, data FROM events
WHERE run_id = ? AND (seq = 1 OR kind IN ('succeed', 'fail')) ORDER BY seq;

-- name: live_counts
SELECT status, count(*), min(due_at) FROM runs WHERE status = 'queued'
UNION ALL SELECT status, count(*), min(due_at) FROM runs WHERE status = 'running'
UNION ALL SELECT status, count(*), min(due_at) FROM runs WHERE status = 'waiting';

-- name: open_dead_letters
SELECT count(*) FROM runs WHERE dead_letter = 'open';

-- name: insert_workflow
INSERT INTO workflows (id, project, name, version, active, created_at, updated_at)
VALUES (?1, ?2, ?3, 1, ?4, ?5, ?5);

-- name: insert_version
INSERT INTO versions (workflow_id, version, definition, created_at, created_by)
VALUES (?, ?, ?, ?, ?);

-- name: revise_workflow
UPDATE workflows SET name = ?, version = ?, updated_at = ? WHERE id = ?;

-- name: latest_version
SELECT max(version) FROM versions WHERE workflow_id = ?;

-- name: known_triggers
SELECT id, type, config, present, due_at, served_at FROM triggers WHERE workflow_id = ?;

-- name: absent_triggers
-- All but these.
UPDATE triggers SET present = 0, due_at = NULL, epoch = epoch + 1
WHERE workflow_id = ?1 AND id NOT IN (SELECT value FROM json_each(?2));

-- name: upsert_trigger
-- A trigger that is new or has changed; it keeps its cursor where it reads the same source (?7).
INSERT INTO triggers (workflow_id, id, type, token, config, due_at, present)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)
ON CONFLICT (workflow_id, id) DO UPDATE SET type = excluded.type, present = 1,
  token = coalesce(triggers.token, excluded.token), config = excluded.config,
  due_at = excluded.due_at, epoch = triggers.epoch + 1, error = NULL, failures = 0,
  cursor = CASE WHEN ?7 THEN triggers.cursor END;

-- name: set_due
UPDATE triggers SET due_at = ?3, epoch = epoch + 1 WHERE workflow_id = ?1 AND id = ?2;

-- name: stop_triggers
UPDATE triggers SET due_at = NULL, epoch = epoch + 1 WHERE workflow_id = ?;

-- name: due_triggers
-- The triggers of a type that are due.
SELECT w.project, w.id, w.version, t.id, t.type, t.config, t.due_at, t.epoch, t.failures, t.cursor
FROM triggers t JOIN workflows w ON w.id = t.workflow_id
WHERE t.type = ?1 AND t.due_at <= ?2
  AND t.present = 1 AND w.active = 1 AND w.deleted_at IS NULL
ORDER BY t.due_at LIMIT ?3;

-- name: next_due_trigger
SELECT t.due_at FROM triggers t JOIN workflows w ON w.id = t.workflow_id
WHERE t.type = ?1 AND t.due_at IS NOT NULL
  AND t.present = 1 AND w.active = 1 AND w.deleted_at IS NULL
ORDER BY t.due_at LIMIT 1;

-- name: advance_triggers
-- Move triggers on; those come back whose epoch was right.
UPDATE triggers SET
  due_at = g.value ->> 'due_at', epoch = epoch + 1, failures = g.value ->> 'failures',
  served_at = coalesce(g.value ->> 'served_at', served_at),
  fired_at = coalesce(g.value ->> 'fired_at', fired_at), error = g.value ->> 'error',
  cursor = coalesce(g.value ->> 'cursor', cursor)
FROM json_each(?1) g
WHERE workflow_id = g.value ->> 'workflow_id' AND triggers.id = g.value ->> 'id'
  AND epoch = g.value ->> 'epoch' AND due_at IS NOT NULL
RETURNING workflow_id, triggers.id;

-- name: hold_trigger
-- Its workflow's version comes back, too: it may be another since the trigger was found.
UPDATE triggers SET due_at = ?4, epoch = epoch + 1
WHERE workflow_id = ?1 AND id = ?2 AND epoch = ?3 AND due_at IS NOT NULL
RETURNING epoch, (SELECT version FROM workflows WHERE workflows.id = ?1);

-- name: listeners
-- The triggers of a type that listen, with the revision of the credential that they name.
SELECT w.project, w.id, w.version, t.id, t.config, t.epoch, c.revision
FROM triggers t JOIN workflows w ON w.id = t.workflow_id
LEFT JOIN credentials c ON c.project = w.project AND c.name = t.config ->> 'credential'
WHERE t.type = ?1 AND t.due_at IS NOT NULL
  AND t.present = 1 AND w.active = 1 AND w.deleted_at IS NULL;

-- name: listener_fares_well
-- What was refused lately is told on (?5).
UPDATE triggers SET fired_at = coalesce(?4, fired_at), failures = 0,
  error = CASE WHEN error ->> 'type' = 'not_started' AND error ->> 'at' > ?5 THEN error END
WHERE workflow_id = ?1 AND id = ?2 AND epoch = ?3;

-- name: listener_failed
UPDATE triggers SET error = ?4, failures = failures + 1
WHERE workflow_id = ?1 AND id = ?2 AND epoch = ?3;

-- name: known_items
SELECT item, seen_at FROM seen_items
WHERE workflow_id = ?1 AND trigger_id = ?2 AND item IN (SELECT value FROM json_each(?3));

-- name: see_items
INSERT INTO seen_items (workflow_id, trigger_id, item, seen_at)
SELECT ?1, ?2, value, ?4 FROM json_each(?3) WHERE true
ON CONFLICT (workflow_id, trigger_id, item) DO UPDATE SET seen_at = excluded.seen_at;

-- name: forget_old_items
DELETE FROM seen_items WHERE workflow_id = ?1 AND trigger_id = ?2 AND seen_at < ?3;

-- name: forget_items
DELETE FROM seen_items WHERE workflow_id = ? AND trigger_id = ?;

-- name: forget_all_items
DELETE FROM seen_items WHERE workflow_id = ?;

-- name: activate
UPDATE workflows SET active = ?, updated_at = ? WHERE id = ?;

-- name: delete_workflow
UPDATE workflows SET active = 0, deleted_at = ? WHERE id = ?;

-- name: workflow
SELECT id, project, name, version, active, created_at, updated_at FROM workflows
WHERE id = ? AND project = ? AND deleted_at IS NULL;

-- name: workflow_called
-- By id or by name.
SELECT id, project, name, version, active, created_at, updated_at FROM workflows
WHERE project = ?2 AND deleted_at IS NULL AND (id = ?1 OR name = ?1) ORDER BY id = ?1 DESC LIMIT 1;

-- name: workflows
SELECT id, project, name, version, active, created_at, updated_at FROM workflows
WHERE project = ? AND id < ? AND deleted_at IS NULL ORDER BY id DESC LIMIT ?;

-- name: any_workflow
SELECT 1 FROM workflows LIMIT 1;

-- name: workflow_named
SELECT id FROM workflows WHERE project = ? AND name = ? AND deleted_at IS NULL;

-- name: version
SELECT workflow_id, version, definition, created_at, created_by FROM versions
WHERE workflow_id = ? AND version = ?;

-- name: versions
SELECT workflow_id, version, definition, created_at, created_by FROM versions
WHERE workflow_id = ? AND version < ? ORDER BY version DESC LIMIT ?;

-- name: triggers
SELECT id, type, token, config, due_at, fired_at, error, failures FROM triggers
WHERE workflow_id = ? AND present ORDER BY rowid;

-- name: hook
SELECT w.project, w.id, w.version, t.id FROM triggers t JOIN workflows w ON w.id = t.workflow_id
WHERE t.token = ? AND t.present AND w.active AND w.deleted_at IS NULL;

-- name: insert_project
INSERT INTO projects (id, name, created_at) VALUES (?, ?, ?);

-- name: projects
SELECT id, name, created_at FROM projects WHERE id > ? ORDER BY id LIMIT ?;

-- name: project
SELECT id FROM projects WHERE id = ?;

-- name: project_named
SELECT id FROM projects WHERE name = ?;

-- name: project_in_use
SELECT EXISTS (SELECT 1 FROM workflows WHERE project = ?1 AND deleted_at IS NULL)
    OR EXISTS (SELECT 1 FROM runs WHERE project = ?1);

-- name: delete_project
DELETE FROM projects WHERE id = ?;

-- name: delete_versions_of
DELETE FROM versions WHERE workflow_id IN (SELECT id FROM workflows WHERE project = ?);

-- name: delete_triggers_of
DELETE FROM triggers WHERE workflow_id IN (SELECT id FROM workflows WHERE project = ?);

-- name: delete_items_of
DELETE FROM seen_items WHERE workflow_id IN (SELECT id FROM workflows WHERE project = ?);

-- name: delete_workflows_of
DELETE FROM workflows WHERE project = ?;

-- name: delete_keys_of
DELETE FROM keys WHERE project = ?;

-- name: insert_key
INSERT INTO keys (id, project, name, role, prefix, hash, created_at, created_by)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: key_by_prefix
SELECT id, project, name, role, prefix, hash, created_at, created_by FROM keys WHERE prefix = ?;

-- name: keys
SELECT id, project, name, role, prefix, hash, created_at, created_by FROM keys
WHERE project = ? AND id > ? ORDER BY id LIMIT ?;

-- name: delete_key
DELETE FROM keys WHERE id = ? AND project = ?;

-- name: key
SELECT role FROM keys WHERE id = ? AND project = ?;

-- name: other_admins
SELECT count(*) FROM keys WHERE project = ? AND role = 'admin' AND id <> ?;

-- name: admins
SELECT count(*) FROM keys WHERE project = ? AND role = 'admin';

-- name: insert_credential
INSERT INTO credentials (id, project, name, type, sealed, state, revision, created_at, created_by,
                         updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, ?7);

-- name: credential
SELECT {credential_columns} FROM credentials WHERE project = ?1 AND name = ?2;

-- name: credential_by_id
SELECT {credential_columns} FROM credentials WHERE id = ?1;

-- name: credentials
SELECT {credential_columns} FROM credentials WHERE project = ?1 AND name > ?2
ORDER BY name LIMIT ?3;

-- name: all_credentials
SELECT {credential_columns} FROM credentials WHERE id > ?1 ORDER BY id LIMIT ?2;

-- name: revise_credential
UPDATE credentials SET sealed = ?1, state = ?2, token = NULL, expires_at = NULL, pending = NULL,
                       problem = NULL, lease = NULL, leased_until = NULL, updated_at = ?3,
                       revision = revision + 1
WHERE id = ?4 AND revision = ?5 RETURNING id;

-- name: delete_credential
DELETE FROM credentials WHERE id = ?1;

-- name: delete_credentials_of
DELETE FROM credentials WHERE project = ?1;

-- name: lease_credential
-- Alone renew a token, for a time.
UPDATE credentials SET lease = ?1, leased_until = ?2
WHERE id = ?3 AND revision = ?4 AND (leased_until IS NULL OR leased_until <= ?5) RETURNING id;

-- name: keep_token
UPDATE credentials SET token = ?1, expires_at = ?2, state = 'ready', problem = NULL, lease = NULL,
                       leased_until = NULL, revision = revision + 1
WHERE id = ?3 AND lease = ?4 RETURNING id;

-- name: mark_credential
-- Say why no token can be had.
UPDATE credentials SET state = ?1, problem = ?2, lease = NULL, leased_until = NULL,
                       revision = revision + 1
WHERE id = ?3 AND lease = ?4 RETURNING id;

-- name: expire_token
UPDATE credentials SET expires_at = 0, revision = revision + 1
WHERE id = ?1 AND revision = ?2 RETURNING id;

-- name: ask_consent
UPDATE credentials SET pending = ?1, revision = revision + 1 WHERE id = ?2;

-- name: take_consent
UPDATE credentials SET pending = NULL, revision = revision + 1
WHERE id = ?1 AND pending = ?2 RETURNING id;

-- name: put_token
-- The token of a new consent, in the place of whatever there is.
UPDATE credentials SET token = ?1, expires_at = ?2, state = 'ready', problem = NULL,
                       lease = NULL, leased_until = NULL, revision = revision + 1
WHERE id = ?3 RETURNING id;

-- name: note_problem
UPDATE credentials SET problem = ?1 WHERE id = ?2;

-- name: reseal_credential
UPDATE credentials SET sealed = ?1, token = ?2, pending = ?3, revision = revision + 1
WHERE id = ?4 AND revision = ?5 RETURNING id;

-- name: present_definitions
SELECT w.name, v.definition FROM workflows w
JOIN versions v ON v.workflow_id = w.id AND v.version = w.version
WHERE w.project = ?1 AND w.deleted_at IS NULL ORDER BY w.name;

-- name: insert_audit
INSERT INTO audit (id, at, project, actor, action, target, detail) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: audit
SELECT id, at, actor, action, target, detail FROM audit WHERE project = ? AND id < ?
ORDER BY id DESC LIMIT ?;

-- name: size_tables
-- Each table's rows as far as they are known without counting, its bytes, those of its indexes.
SELECT s.tbl_name, NULL, coalesce(sum(d.pgsize) FILTER (WHERE s.type = 'table'), 0),
       coalesce(sum(d.pgsize) FILTER (WHERE s.type = 'index'), 0)
FROM dbstat d JOIN sqlite_schema s ON s.name = d.name WHERE d.aggregate = TRUE GROUP BY s.tbl_name;

-- name: size_database
SELECT page_count * page_size FROM pragma_page_count, pragma_page_size;

-- name: count_rows
SELECT 'projects', count(*) FROM projects UNION ALL SELECT 'keys', count(*) FROM keys
UNION ALL SELECT 'credentials', count(*) FROM credentials
UNION ALL SELECT 'workflows', count(*) FROM workflows
UNION ALL SELECT 'versions', count(*) FROM versions
UNION ALL SELECT 'triggers', count(*) FROM triggers
UNION ALL SELECT 'events', count(*) FROM events
UNION ALL SELECT 'idempotency', count(*) FROM idempotency
UNION ALL SELECT 'audit', count(*) FROM audit;

-- name: count_statuses
SELECT status, count(*) FROM runs GROUP BY status;

-- name: oldest_run
SELECT created_at FROM runs ORDER BY id LIMIT 1;
