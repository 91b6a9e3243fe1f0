-- A statement that finds its runs by their ids asks `(status = ...) IS TRUE`, which no index serves:
-- else its plan, made while the table was small, could be a walk over all runs of that status.

-- name: start
-- New runs with their first events: queued, running where a worker takes them at once, waiting
-- under a limit. A run whose idempotency key is known is left out, and one whose parent is no longer
-- held with its epoch; the others' ids come back.
WITH given AS MATERIALIZED (
  SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::uuid[],
    $9::bigint[], $10::bigint[], $11::int[], $12::uuid[], $13::smallint[], $14::smallint[],
    $15::text[], $16::text[], $17::int[], $18::bigint[], $19::text[], $20::text[], $21::text[],
    $22::text[], $23::text[], $24::bigint[]
  ) AS g (id, project, workflow_id, version, worker, trigger_id, trigger_type, replay_of,
          now, deadline, priority, parent_id, awaited, follow_up, limits, gate, parent_epoch, due_at,
          scope, key, body_hash, started, claimed, created_at)
), adopted AS (
  UPDATE runs r SET follow_up = greatest(r.follow_up, g.awaited) FROM given g
  WHERE r.id = g.parent_id AND r.epoch = g.parent_epoch AND (r.status = 'running') IS TRUE
  RETURNING g.id
), remembered AS (
  INSERT INTO idempotency (scope, key, body_hash, run_id, created_at)
  SELECT scope, key, body_hash, id, now FROM given WHERE key IS NOT NULL
  ON CONFLICT (scope, key) DO NOTHING
  RETURNING run_id
), fresh AS MATERIALIZED (
  SELECT * FROM given
  WHERE (key IS NULL OR id IN (SELECT run_id FROM remembered))
    AND (parent_id IS NULL OR id IN (SELECT id FROM adopted))
), run AS (
  INSERT INTO runs (id, project, workflow_id, version, status, epoch, worker, trigger_id,
                    trigger_type, replay_of, created_at, started_at, due_at, deadline, priority,
                    parent_id, awaited, follow_up, gate, limits)
  SELECT id, project, workflow_id, version,
         CASE WHEN gate IS NOT NULL THEN 'waiting' WHEN worker IS NULL THEN 'queued' ELSE 'running' END,
         CASE WHEN worker IS NULL THEN 0 ELSE 1 END, worker, trigger_id, trigger_type, replay_of,
         created_at, CASE WHEN worker IS NOT NULL THEN now END,
         CASE WHEN worker IS NULL THEN coalesce(due_at, now) END, deadline, priority,
         parent_id, awaited, follow_up, gate, limits
  FROM fresh
  ON CONFLICT DO NOTHING
), history AS (
  -- What is there already comes from the same write, whose answer was lost.
  INSERT INTO events (run_id, seq, at, kind, data)
  SELECT id, 1, now, CASE WHEN gate IS NULL THEN 'start' ELSE 'defer' END, started FROM fresh
  UNION ALL
  SELECT id, 2, now, 'claim', claimed FROM fresh WHERE worker IS NOT NULL
  ON CONFLICT DO NOTHING
)
SELECT array_agg(id::text),
       (SELECT pg_notify('minizaps', 'ready') FROM fresh
        WHERE worker IS NULL AND gate IS NULL LIMIT 1)
FROM fresh;

-- name: hold
-- The fence of writes that leave their runs running: `held` has those whose epoch is right, and
-- locks them, so that nobody takes one away before the events are in.
WITH given AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::int[]) AS g (id, epoch)
), held AS MATERIALIZED (
  SELECT r.id FROM given g JOIN runs r ON r.id = g.id
  WHERE r.epoch = g.epoch AND (r.status = 'running') IS TRUE
  FOR NO KEY UPDATE OF r
), history AS (
  -- A number that is there already comes from the same write, whose answer was lost.
  INSERT INTO events (run_id, seq, at, kind, path, attempt, data)
  SELECT e.* FROM unnest(
    $3::uuid[], $4::int[], $5::bigint[], $6::text[], $7::text[], $8::int[], $9::text[]
  ) AS e (run_id, seq, at, kind, path, attempt, data)
  WHERE (run_id IN (SELECT id FROM held)) IS TRUE
  ON CONFLICT DO NOTHING
)
SELECT array_agg(id::text) FROM held;

-- name: settle
-- The fence and the runs' new status in one: no row changes for a stale worker. A run that would
-- wait, and has signals that its worker has not seen, is due at once.
WITH given AS MATERIALIZED (
  SELECT * FROM unnest(
    $1::uuid[], $2::int[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[],
    $16::int[]
  ) AS g (id, epoch, status, due_at, finished_at, error_type, error_path, dead_letter, signals)
), settled AS (
  UPDATE runs r SET status = g.status, worker = NULL,
                    due_at = CASE WHEN g.status = 'waiting' AND r.signals > g.signals THEN 0
                                  ELSE g.due_at END,
                    finished_at = g.finished_at, error_type = g.error_type,
                    error_path = g.error_path, dead_letter = g.dead_letter
  FROM given g WHERE r.id = g.id AND r.epoch = g.epoch AND (r.status = 'running') IS TRUE
  RETURNING r.id, r.status
), history AS (
  -- A number that is there already comes from the same write, whose answer was lost.
  INSERT INTO events (run_id, seq, at, kind, path, attempt, data)
  SELECT e.* FROM unnest(
    $9::uuid[], $10::int[], $11::bigint[], $12::text[], $13::text[], $14::int[], $15::text[]
  ) AS e (run_id, seq, at, kind, path, attempt, data)
  WHERE (run_id IN (SELECT id FROM settled)) IS TRUE
  ON CONFLICT DO NOTHING
)
SELECT array_agg(id::text),
       (SELECT pg_notify('minizaps', 'ready') FROM settled WHERE status = 'queued' LIMIT 1)
FROM settled;

-- name: queued_projects
-- Each project that has ready runs, by hops over the index.
WITH RECURSIVE project (id) AS (
  (SELECT project FROM runs WHERE status = 'queued' AND due_at IS NOT NULL
   ORDER BY project LIMIT 1)
  UNION ALL
  SELECT (SELECT r.project FROM runs r
          WHERE r.status = 'queued' AND r.due_at IS NOT NULL AND r.project > project.id
          ORDER BY r.project LIMIT 1)
  FROM project WHERE project.id IS NOT NULL
)
SELECT id FROM project WHERE id IS NOT NULL;

-- name: claim_chosen
-- The end of both claims: worker $1 takes the runs in `chosen`. One that became ready after the
-- claim was sent is not claimed at a time before that.
claimed AS (
  UPDATE runs r SET status = 'running', epoch = epoch + 1, worker = $1, due_at = NULL,
                    started_at = coalesce(started_at, greatest($2, chosen.due_at))
  FROM chosen WHERE r.id = chosen.id
  RETURNING r.*, greatest($2, chosen.due_at) AS claimed_at
), history AS (
  INSERT INTO events (run_id, seq, at, kind, data)
  SELECT id, (SELECT max(seq) + 1 FROM events WHERE run_id = claimed.id), claimed_at, 'claim',
         format('{"worker":"%s","epoch":%s}', $1, epoch)
  FROM claimed
)
SELECT {own_columns} FROM claimed

-- name: claim
-- The projects take turns; what another worker is claiming at this moment is passed over.
WITH turn AS (
  SELECT * FROM unnest($3::text[], $4::int[]) WITH ORDINALITY AS t (project, allowed, place)
), chosen AS MATERIALIZED (
  SELECT q.* FROM turn t CROSS JOIN LATERAL (
    SELECT id, due_at FROM runs
    WHERE status = 'queued' AND project = t.project AND due_at <= $6
    ORDER BY priority DESC, due_at LIMIT t.allowed FOR UPDATE SKIP LOCKED
  ) q
  ORDER BY t.place LIMIT $5
), {claim_chosen};

-- name: claim_known
-- As `claim`, of these runs alone.
WITH chosen AS MATERIALIZED (
  SELECT id, due_at FROM runs
  WHERE id = ANY($3::uuid[]) AND (status = 'queued') IS TRUE AND project <> ALL($4::text[])
  FOR UPDATE SKIP LOCKED
), {claim_chosen};

-- name: histories
SELECT run_id::text, seq, at, kind, path, attempt, data FROM events
WHERE run_id = ANY($1::uuid[]) ORDER BY run_id, seq;

-- name: wake
-- Not before the database's own clock says so: a process that has just started may be ahead of it.
WITH due AS MATERIALIZED (
  SELECT id FROM runs
  WHERE status = 'waiting' AND gate IS NULL
    AND due_at <= least($1, (extract(epoch FROM statement_timestamp()) * 1000)::bigint)
  ORDER BY due_at LIMIT $2
  FOR UPDATE SKIP LOCKED
), woken AS (
  UPDATE runs r SET status = 'queued', due_at = $1 FROM due WHERE r.id = due.id RETURNING r.id
), history AS (
  INSERT INTO events (run_id, seq, at, kind)
  SELECT id, (SELECT max(seq) + 1 FROM events WHERE run_id = woken.id), $1, 'wake' FROM woken
)
SELECT array_agg(id::text), (SELECT pg_notify('minizaps', 'ready') FROM woken LIMIT 1) FROM woken;

-- name: next_due
SELECT min(due_at) FROM runs WHERE status = 'waiting' AND due_at IS NOT NULL AND gate IS NULL;

-- name: next_gate_due
SELECT min(due_at) FROM runs WHERE status = 'waiting' AND due_at IS NOT NULL AND gate IS NOT NULL;

-- name: left_behind
-- Runs of others than this worker, who are dead: each holder is looked up once.
WITH RECURSIVE holder (id) AS (
  (SELECT worker FROM runs WHERE status = 'running' AND worker IS NOT NULL ORDER BY worker LIMIT 1)
  UNION ALL
  SELECT (SELECT r.worker FROM runs r WHERE r.status = 'running' AND r.worker > holder.id
          ORDER BY r.worker LIMIT 1)
  FROM holder WHERE holder.id IS NOT NULL
)
SELECT r.id::text, r.epoch FROM holder JOIN runs r ON r.worker = holder.id AND r.status = 'running'
WHERE holder.id <> $1 AND NOT EXISTS (SELECT FROM workers w WHERE w.id = holder.id) LIMIT $2;

-- name: rescue
WITH lost AS MATERIALIZED (
  SELECT * FROM unnest($2::uuid[], $3::int[]) AS l (id, epoch)
), rescued AS (
  UPDATE runs r SET status = 'queued', worker = NULL, due_at = $1
  FROM lost l WHERE r.id = l.id AND r.epoch = l.epoch AND (r.status = 'running') IS TRUE
  RETURNING r.id
), history AS (
  INSERT INTO events (run_id, seq, at, kind)
  SELECT id, (SELECT max(seq) + 1 FROM events WHERE run_id = rescued.id), $1, 'rescue' FROM rescued
)
SELECT array_agg(id::text), (SELECT pg_notify('minizaps', 'ready') FROM rescued LIMIT 1)
FROM rescued;

-- name: cancel
WITH cancelled AS (
  UPDATE runs SET status = 'cancelled', worker = NULL, due_at = NULL, finished_at = $3
  WHERE id = as_run_id($1) AND project = $2 AND status IN ('queued', 'running', 'waiting')
  RETURNING id
), history AS (
  INSERT INTO events (run_id, seq, at, kind, data)
  SELECT id, (SELECT max(seq) + 1 FROM events WHERE run_id = cancelled.id), $3, 'cancel', $4
  FROM cancelled
)
SELECT array_agg(id::text), (SELECT pg_notify('minizaps', 'cancelled ' || id) FROM cancelled)
FROM cancelled;

-- name: replay
WITH replayed AS (
  UPDATE runs SET dead_letter = CASE dead_letter WHEN 'open' THEN 'replayed' ELSE dead_letter END
  WHERE id = $1 AND project = $2 AND status IN ('succeeded', 'failed', 'cancelled')
    AND (dead_letter = 'open' OR NOT $5)
  RETURNING id
), history AS (
  INSERT INTO events (run_id, seq, at, kind, data)
  SELECT id, (SELECT max(seq) + 1 FROM events WHERE run_id = replayed.id), $3, 'replay', $4
  FROM replayed
)
SELECT array_agg(id::text) FROM replayed;

-- name: discard
WITH discarded AS (
  UPDATE runs SET dead_letter = 'discarded'
  WHERE id = as_run_id($1) AND project = $2 AND dead_letter = 'open'
  RETURNING id
), history AS (
  INSERT INTO events (run_id, seq, at, kind, data)
  SELECT id, (SELECT max(seq) + 1 FROM events WHERE run_id = discarded.id), $3, 'discard', $4
  FROM discarded
)
SELECT array_agg(id::text) FROM discarded;

-- name: run_for_signal
-- Locked: whoever settles the run does so before, or sees the signal.
SELECT status, signals FROM runs WHERE id = as_run_id($1) FOR NO KEY UPDATE;

-- name: signal
SELECT data FROM signals WHERE run_id = $1 AND name = $2;

-- name: signals
SELECT number, name, at, data FROM signals WHERE run_id = $1 AND number > $2 ORDER BY number;

-- name: insert_signal
INSERT INTO signals (run_id, name, number, at, data) VALUES ($1, $2, $3, $4, $5);

-- name: count_signal
WITH counted AS (
  UPDATE runs SET signals = $2 WHERE id = $1 RETURNING id, status
)
SELECT pg_notify('minizaps', 'signalled ' || id) FROM counted WHERE status = 'running';

-- name: wake_one
WITH woken AS (
  UPDATE runs SET status = 'queued', due_at = $2 WHERE id = $1 AND status = 'waiting' RETURNING id
)
SELECT pg_notify('minizaps', 'ready') FROM woken;

-- name: insert_callback
INSERT INTO callbacks (token, run_id, path, answer, message, secret)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (run_id, path, answer) DO NOTHING;

-- name: callbacks
SELECT path, answer, token FROM callbacks WHERE run_id = as_run_id($1);

-- name: callbacks_of
SELECT answer, token FROM callbacks WHERE run_id = $1 AND path = $2;

-- name: callback
SELECT run_id::text, path, answer, message, secret FROM callbacks WHERE token = $1;

-- name: held
-- The runs that this worker still holds, with their epochs.
SELECT id::text, epoch FROM runs WHERE status = 'running' AND worker = $1;

-- name: status
SELECT status FROM runs WHERE id = as_run_id($1) AND project = $2;

-- name: probe
INSERT INTO probe (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at;

-- name: recall
SELECT run_id::text, body_hash FROM idempotency WHERE scope = $1 AND key = $2;

-- name: forget
WITH forgotten AS (
  DELETE FROM idempotency WHERE (scope, key) IN
    (SELECT scope, key FROM idempotency WHERE created_at < $1 ORDER BY created_at LIMIT $2
     FOR UPDATE SKIP LOCKED)
  RETURNING 1
)
SELECT count(*) FROM forgotten;

-- name: prune
WITH expired AS MATERIALIZED (
  SELECT id FROM runs
  WHERE id < $1 AND finished_at < $2 AND (dead_letter IS NOT DISTINCT FROM 'open') = $4
    AND follow_up = 0
  ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
), history AS (
  DELETE FROM events USING expired WHERE events.run_id = expired.id
), mail AS (
  DELETE FROM signals USING expired WHERE signals.run_id = expired.id
), urls AS (
  DELETE FROM callbacks USING expired WHERE callbacks.run_id = expired.id
), pruned AS (
  DELETE FROM runs USING expired WHERE runs.id = expired.id RETURNING 1
)
SELECT count(*) FROM pruned;

-- name: register_worker
INSERT INTO workers (id, started_at, seen_at) VALUES ($1, $2, $2)
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at
RETURNING number;

-- name: beat
-- A worker is alive; no row comes back for one that was found dead.
UPDATE workers SET seen_at = $2 WHERE id = $1 RETURNING number;

-- name: lock
-- Held until the session ends, which the others see at once.
SELECT pg_try_advisory_lock($1, $2);

-- name: clock
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8;

-- name: resign
DELETE FROM workers WHERE id = $1;

-- name: bury
-- The workers that are dead: not seen for a lease, or not for a moment and their session is gone.
WITH dead AS (
  DELETE FROM workers w
  WHERE w.id <> $1 AND (
    w.seen_at < $2 OR w.seen_at < $3 AND NOT EXISTS (
      SELECT FROM pg_locks l
      WHERE l.locktype = 'advisory' AND l.granted
        AND l.classid = $4::int::oid AND l.objid = w.number::oid AND l.objsubid = 2
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
  )
  RETURNING w.id
)
SELECT count(*) FROM dead;

-- name: lock_keys
-- Held until the transaction ends.
SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) key;

-- name: add_event
-- An event from outside the lease: numbered after the last one.
INSERT INTO events (run_id, seq, at, kind, data)
SELECT $1::uuid, coalesce(max(seq), 0) + 1, $2, $3, $4 FROM events WHERE run_id = $1::uuid;

-- name: due_gates
-- The runs at a gate that are to be looked at again; as with `wake` by the database's own clock.
SELECT id::text, limits FROM runs
WHERE status = 'waiting' AND gate IS NOT NULL
  AND due_at <= least($1, (extract(epoch FROM statement_timestamp()) * 1000)::bigint)
ORDER BY due_at, id LIMIT $2;

-- name: gated
-- A run at a gate, if it is to be looked at again; nobody cancels it in the meantime.
SELECT gate, limits, priority, deadline FROM runs
WHERE id = $1 AND (status = 'waiting') IS TRUE AND due_at <= $2 AND gate IS NOT NULL
FOR NO KEY UPDATE;

-- name: hold_back
UPDATE runs SET gate = $2, due_at = $3 WHERE id = $1;

-- name: pass_gates
-- A run is ready; its event follows.
WITH ready AS (
  UPDATE runs SET status = 'queued', gate = NULL, due_at = $2
  WHERE id = $1 AND (status = 'waiting') IS TRUE RETURNING 1
)
SELECT 1, pg_notify('minizaps', 'ready') FROM ready;

-- name: turn_away
-- Cancel a run for another one's sake; its event follows. One that never started concerns no other
-- run but a parent that waits for it.
WITH cancelled AS (
  UPDATE runs SET status = 'cancelled', worker = NULL, due_at = NULL, finished_at = $2,
                  follow_up = CASE WHEN gate IS NULL THEN follow_up ELSE awaited END
  WHERE id = $1 AND (status IN ('queued', 'running', 'waiting')) IS TRUE RETURNING id
)
SELECT 1, pg_notify('minizaps', 'cancelled ' || id) FROM cancelled;

-- name: turn_count
-- How many runs have taken their turn, and the highest priority of those that wait for it.
SELECT (SELECT count(*) FROM turns WHERE key = $1 AND taken = 1),
       (SELECT priority FROM turns WHERE key = $1 AND taken = 0 ORDER BY priority DESC LIMIT 1);

-- name: next_turn
-- The run whose turn it is next, and how many have taken theirs; nobody cancels it in the meantime.
SELECT t.run_id::text, r.status, r.limits,
       (SELECT count(*) FROM turns WHERE key = $1 AND taken = 1)
FROM turns t JOIN runs r ON r.id = t.run_id
WHERE t.key = $1 AND t.taken = 0 ORDER BY t.priority DESC, t.place LIMIT 1
FOR NO KEY UPDATE OF r;

-- name: waiting_turns
SELECT run_id::text FROM turns WHERE key = $1 AND taken = 0
ORDER BY priority DESC, place LIMIT $2;

-- name: oldest_turns
SELECT run_id::text FROM turns WHERE key = $1 AND taken = 1 ORDER BY place LIMIT $2;

-- name: over_turns
-- The runs that have ended and not been followed up yet.
SELECT t.run_id::text FROM turns t JOIN runs r ON r.id = t.run_id
WHERE t.key = $1 AND t.taken = 1 AND r.finished_at IS NOT NULL;

-- name: insert_turn
INSERT INTO turns (key, run_id, taken, priority, place) VALUES ($1, $2, $3, $4, $5);

-- name: take_turn
UPDATE turns SET taken = 1 WHERE key = $1 AND run_id = $2;

-- name: leave_turns
-- A run is at none of these gates any more; those come back at which it was.
DELETE FROM turns WHERE run_id = $1 AND key = ANY($2::text[]) RETURNING key;

-- name: rate
SELECT starts FROM rates WHERE key = $1;

-- name: keep_rate
INSERT INTO rates (key, starts, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (key) DO UPDATE SET starts = excluded.starts, expires_at = excluded.expires_at;

-- name: line_up
-- The time at which the first of those that wait under a rate are looked at.
UPDATE runs SET due_at = $2
WHERE id = ANY($1::uuid[]) AND (status = 'waiting') IS TRUE AND gate = 'rate' AND due_at > $2;

-- name: forget_rates
WITH forgotten AS (
  DELETE FROM rates WHERE key IN
    (SELECT key FROM rates WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
     FOR UPDATE SKIP LOCKED)
  RETURNING 1
)
SELECT count(*) FROM forgotten;

-- name: to_follow_up
SELECT id::text FROM runs WHERE follow_up = 1 AND finished_at IS NOT NULL ORDER BY id LIMIT $1;

-- name: ended
-- A run whose end concerns others, who have not been told yet.
SELECT limits, project, parent_id::text, awaited FROM runs
WHERE id = $1 AND follow_up = 1 AND finished_at IS NOT NULL;

-- name: awaited_children
-- The runs that a run has called, and that it waits for.
SELECT id::text FROM runs
WHERE parent_id = $1 AND awaited = 1 AND status IN ('queued', 'running', 'waiting');

-- name: followed_up
UPDATE runs SET follow_up = 0 WHERE id = ANY($1::uuid[]) AND finished_at IS NOT NULL;

-- name: run
SELECT {run_columns} FROM runs r LEFT JOIN workflows w ON w.id = r.workflow_id
WHERE r.id = as_run_id($1);

-- name: runs
SELECT {run_columns} FROM runs r LEFT JOIN workflows w ON w.id = r.workflow_id

-- name: events
SELECT seq, at, kind, path, attempt, data FROM events WHERE run_id = $1
  AND seq > $2::bigint ORDER BY seq LIMIT $3;

-- name: failures
SELECT run_id::text, data FROM events WHERE run_id = ANY($1::uuid[]) AND kind = 'fail';

-- name: ends
SELECT seq, at, kind, path, attempt, data FROM events
WHERE run_id = $1 AND (seq = 1 OR kind IN ('succeed', 'fail')) ORDER BY seq;

-- name: live_counts
SELECT 'queued', count(*), min(due_at) FROM runs
WHERE status = 'queued' AND due_at IS NOT NULL
UNION ALL SELECT 'running', count(*), min(due_at) FROM runs
WHERE status = 'running' AND worker IS NOT NULL
UNION ALL SELECT 'waiting', count(*), min(due_at) FROM runs
WHERE status = 'waiting' AND due_at IS NOT NULL;

-- name: open_dead_letters
SELECT count(*) FROM runs WHERE dead_letter = 'open';

-- name: insert_workflow
INSERT INTO workflows (id, project, name, version, active, created_at, updated_at)
VALUES ($1, $2, $3, 1, $4::int, $5, $5);

-- name: insert_version
INSERT INTO versions (workflow_id, version, definition, created_at, created_by)
VALUES ($1, $2, $3, $4, $5);

-- name: revise_workflow
UPDATE workflows SET name = $1, version = $2, updated_at = $3 WHERE id = $4;

-- name: latest_version
SELECT max(version) FROM versions WHERE workflow_id = $1;

-- name: known_triggers
SELECT id, type, config, present, due_at, served_at FROM triggers WHERE workflow_id = $1;

-- name: absent_triggers
-- All but these.
UPDATE triggers SET present = 0, due_at = NULL, epoch = epoch + 1
WHERE workflow_id = $1 AND id <> ALL($2::text[]);

-- name: upsert_trigger
-- A trigger that is new or has changed; it keeps its cursor where it reads the same source ($7).
INSERT INTO triggers (workflow_id, id, type, token, config, due_at, present)
VALUES ($1, $2, $3, $4, $5, $6, 1)
ON CONFLICT (workflow_id, id) DO UPDATE SET type = excluded.type, present = 1,
  token = coalesce(triggers.token, excluded.token), config = excluded.config,
  due_at = excluded.due_at, epoch = triggers.epoch + 1, error = NULL, failures = 0,
  cursor = CASE WHEN $7::int = 1 THEN triggers.cursor END;

-- name: set_due
UPDATE triggers SET due_at = $3, epoch = epoch + 1 WHERE workflow_id = $1 AND id = $2;

-- name: stop_triggers
UPDATE triggers SET due_at = NULL, epoch = epoch + 1 WHERE workflow_id = $1;

-- name: due_triggers
-- The triggers of a type that are due; as with `wake` by the database's own clock.
SELECT w.project, w.id, w.version, t.id, t.type, t.config, t.due_at, t.epoch, t.failures, t.cursor
FROM triggers t JOIN workflows w ON w.id = t.workflow_id
WHERE t.type = $1 AND t.due_at <= least($2, (extract(epoch FROM statement_timestamp()) * 1000)::bigint)
  AND t.present = 1 AND w.active = 1 AND w.deleted_at IS NULL
ORDER BY t.due_at LIMIT $3;

-- name: next_due_trigger
SELECT t.due_at FROM triggers t JOIN workflows w ON w.id = t.workflow_id
WHERE t.type = $1 AND t.due_at IS NOT NULL
  AND t.present = 1 AND w.active = 1 AND w.deleted_at IS NULL
ORDER BY t.due_at LIMIT 1;

-- name: advance_triggers
-- Move triggers on; those come back whose epoch was right.
UPDATE triggers t SET
  due_at = g.due_at, epoch = t.epoch + 1, failures = g.failures, error = g.error,
  served_at = coalesce(g.served_at, t.served_at), fired_at = coalesce(g.fired_at, t.fired_at),
  cursor = coalesce(g.cursor, t.cursor)
FROM jsonb_to_recordset($1::text::jsonb) AS g (
  workflow_id text, id text, epoch int, due_at bigint, served_at bigint, fired_at bigint,
  error text, failures int, cursor text
)
WHERE t.workflow_id = g.workflow_id AND t.id = g.id AND t.epoch = g.epoch AND t.due_at IS NOT NULL
RETURNING t.workflow_id, t.id;

-- name: hold_trigger
-- Its workflow's version comes back, too: it may be another since the trigger was found.
UPDATE triggers SET due_at = $4, epoch = epoch + 1
WHERE workflow_id = $1 AND id = $2 AND epoch = $3 AND due_at IS NOT NULL
RETURNING epoch, (SELECT version FROM workflows WHERE workflows.id = $1);

-- name: listeners
-- The triggers of a type that listen, with the revision of the credential that they name.
SELECT w.project, w.id, w.version, t.id, t.config, t.epoch, c.revision
FROM triggers t JOIN workflows w ON w.id = t.workflow_id
LEFT JOIN credentials c ON c.project = w.project AND c.name = t.config::jsonb ->> 'credential'
WHERE t.type = $1 AND t.due_at IS NOT NULL
  AND t.present = 1 AND w.active = 1 AND w.deleted_at IS NULL;

-- name: listener_fares_well
-- What was refused lately is told on ($5).
UPDATE triggers SET fired_at = coalesce($4::bigint, fired_at), failures = 0,
  error = CASE WHEN error::jsonb ->> 'type' = 'not_started' AND (error::jsonb ->> 'at')::bigint > $5 THEN error END
WHERE workflow_id = $1 AND id = $2 AND epoch = $3;

-- name: listener_failed
UPDATE triggers SET error = $4, failures = failures + 1
WHERE workflow_id = $1 AND id = $2 AND epoch = $3;

-- name: known_items
SELECT item, seen_at FROM seen_items
WHERE workflow_id = $1 AND trigger_id = $2 AND item = ANY($3::text[]);

-- name: see_items
INSERT INTO seen_items (workflow_id, trigger_id, item, seen_at)
SELECT $1, $2, item, $4 FROM unnest($3::text[]) item
ON CONFLICT (workflow_id, trigger_id, item) DO UPDATE SET seen_at = excluded.seen_at;

-- name: forget_old_items
DELETE FROM seen_items WHERE workflow_id = $1 AND trigger_id = $2 AND seen_at < $3;

-- name: forget_items
DELETE FROM seen_items WHERE workflow_id = $1 AND trigger_id = $2;

-- name: forget_all_items
DELETE FROM seen_items WHERE workflow_id = $1;

-- name: activate
UPDATE workflows SET active = $1::int, updated_at = $2 WHERE id = $3;

-- name: delete_workflow
UPDATE workflows SET active = 0, deleted_at = $1 WHERE id = $2;

-- name: workflow
SELECT id, project, name, version, active, created_at, updated_at FROM workflows
WHERE id = $1 AND project = $2 AND deleted_at IS NULL;

-- name: workflow_called
-- By id or by name.
SELECT id, project, name, version, active, created_at, updated_at FROM workflows
WHERE project = $2 AND deleted_at IS NULL AND (id = $1 OR name = $1) ORDER BY id = $1 DESC LIMIT 1;

-- name: workflows
SELECT id, project, name, version, active, created_at, updated_at FROM workflows
WHERE project = $1 AND id < $2 AND deleted_at IS NULL ORDER BY id DESC LIMIT $3;

-- name: any_workflow
SELECT 1 FROM workflows LIMIT 1;

-- name: workflow_named
SELECT id FROM workflows WHERE project = $1 AND name = $2 AND deleted_at IS NULL;

-- name: version
SELECT workflow_id, version, definition, created_at, created_by FROM versions
WHERE workflow_id = $1 AND version = $2::bigint;

-- name: versions
SELECT workflow_id, version, definition, created_at, created_by FROM versions
WHERE workflow_id = $1 AND version < $2::bigint ORDER BY version DESC LIMIT $3;

-- name: triggers
SELECT id, type, token, config, due_at, fired_at, error, failures FROM triggers
WHERE workflow_id = $1 AND present = 1 ORDER BY place;

-- name: hook
SELECT w.project, w.id, w.version, t.id FROM triggers t JOIN workflows w ON w.id = t.workflow_id
WHERE t.token = $1 AND t.present = 1 AND w.active = 1 AND w.deleted_at IS NULL;

-- name: insert_project
INSERT INTO projects (id, name, created_at) VALUES ($1, $2, $3);

-- name: projects
SELECT id, name, created_at FROM projects WHERE id > $1 ORDER BY id LIMIT $2;

-- name: project
SELECT id FROM projects WHERE id = $1;

-- name: project_named
SELECT id FROM projects WHERE name = $1;

-- name: project_in_use
SELECT EXISTS (SELECT 1 FROM workflows WHERE project = $1 AND deleted_at IS NULL)
    OR EXISTS (SELECT 1 FROM runs WHERE project = $1);

-- name: delete_project
DELETE FROM projects WHERE id = $1;

-- name: delete_versions_of
DELETE FROM versions WHERE workflow_id IN (SELECT id FROM workflows WHERE project = $1);

-- name: delete_triggers_of
DELETE FROM triggers WHERE workflow_id IN (SELECT id FROM workflows WHERE project = $1);

-- name: delete_items_of
DELETE FROM seen_items WHERE workflow_id IN (SELECT id FROM workflows WHERE project = $1);

-- name: delete_workflows_of
DELETE FROM workflows WHERE project = $1;

-- name: delete_keys_of
DELETE FROM keys WHERE project = $1;

-- name: insert_key
INSERT INTO keys (id, project, name, role, prefix, hash, created_at, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: key_by_prefix
SELECT id, project, name, role, prefix, hash, created_at, created_by FROM keys WHERE prefix = $1;

-- name: keys
SELECT id, project, name, role, prefix, hash, created_at, created_by FROM keys
WHERE project = $1 AND id > $2 ORDER BY id LIMIT $3;

-- name: delete_key
DELETE FROM keys WHERE id = $1 AND project = $2;

-- name: key
SELECT role FROM keys WHERE id = $1 AND project = $2;

-- name: other_admins
SELECT count(*) FROM keys WHERE project = $1 AND role = 'admin' AND id <> $2;

-- name: admins
SELECT count(*) FROM keys WHERE project = $1 AND role = 'admin';

-- name: insert_credential
INSERT INTO credentials (id, project, name, type, sealed, state, revision, created_at, created_by,
                         updated_at)
VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $7);

-- name: credential
SELECT {credential_columns} FROM credentials WHERE project = $1 AND name = $2;

-- name: credential_by_id
SELECT {credential_columns} FROM credentials WHERE id = $1;

-- name: credentials
SELECT {credential_columns} FROM credentials WHERE project = $1 AND name > $2
ORDER BY name LIMIT $3;

-- name: all_credentials
SELECT {credential_columns} FROM credentials WHERE id > $1 ORDER BY id LIMIT $2;

-- name: revise_credential
UPDATE credentials SET sealed = $1, state = $2, token = NULL, expires_at = NULL, pending = NULL,
                       problem = NULL, lease = NULL, leased_until = NULL, updated_at = $3,
                       revision = revision + 1
WHERE id = $4 AND revision = $5 RETURNING id;

-- name: delete_credential
DELETE FROM credentials WHERE id = $1;

-- name: delete_credentials_of
DELETE FROM credentials WHERE project = $1;

-- name: lease_credential
-- Alone renew a token, for a time.
UPDATE credentials SET lease = $1, leased_until = $2
WHERE id = $3 AND revision = $4 AND (leased_until IS NULL OR leased_until <= $5) RETURNING id;

-- name: keep_token
UPDATE credentials SET token = $1, expires_at = $2, state = 'ready', problem = NULL, lease = NULL,
                       leased_until = NULL, revision = revision + 1
WHERE id = $3 AND lease = $4 RETURNING id;

-- name: mark_credential
-- Say why no token can be had.
UPDATE credentials SET state = $1, problem = $2, lease = NULL, leased_until = NULL,
                       revision = revision + 1
WHERE id = $3 AND lease = $4 RETURNING id;

-- name: expire_token
UPDATE credentials SET expires_at = 0, revision = revision + 1
WHERE id = $1 AND revision = $2 RETURNING id;

-- name: ask_consent
UPDATE credentials SET pending = $1, revision = revision + 1 WHERE id = $2;

-- name: take_consent
UPDATE credentials SET pending = NULL, revision = revision + 1
WHERE id = $1 AND pending = $2 RETURNING id;

-- name: put_token
-- The token of a new consent, in the place of whatever there is.
UPDATE credentials SET token = $1, expires_at = $2, state = 'ready', problem = NULL,
                       lease = NULL, leased_until = NULL, revision = revision + 1
WHERE id = $3 RETURNING id;

-- name: note_problem
UPDATE credentials SET problem = $1 WHERE id = $2;

-- name: reseal_credential
UPDATE credentials SET sealed = $1, token = $2, pending = $3, revision = revision + 1
WHERE id = $4 AND revision = $5 RETURNING id;

-- name: present_definitions
SELECT w.name, v.definition FROM workflows w
JOIN versions v ON v.workflow_id = w.id AND v.version = w.version
WHERE w.project = $1 AND w.deleted_at IS NULL ORDER BY w.name;

-- name: insert_audit
INSERT INTO audit (id, at, project, actor, action, target, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: audit
SELECT id, at, actor, action, target, detail FROM audit WHERE project = $1 AND id < $2
ORDER BY id DESC LIMIT $3;

-- name: size_tables
-- Each table's rows as far as they are known without counting, its bytes, those of its indexes.
SELECT coalesce(whole.relname, t.relname), sum(nullif(t.reltuples, -1))::bigint,
       sum(pg_table_size(t.oid))::bigint, sum(pg_indexes_size(t.oid))::bigint
FROM pg_class t LEFT JOIN pg_class whole ON whole.oid = pg_partition_root(t.oid)
WHERE t.relkind = 'r' AND t.relnamespace = current_schema()::regnamespace
GROUP BY 1;

-- name: size_database
SELECT pg_database_size(current_database());

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

-- name: doctor_settings
-- What a server has to keep so that what it confirms is on disk, and what it needs to stay quick.
SELECT name, setting FROM pg_settings
WHERE name IN ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'autovacuum',
               'track_counts', 'max_connections', 'superuser_reserved_connections');

-- name: doctor_connections
-- All connections of the server, and those of Mini-Zaps among them.
SELECT count(*), count(*) FILTER (WHERE application_name = 'minizaps') FROM pg_stat_activity
WHERE backend_type = 'client backend';

-- name: doctor_workers
SELECT id, seen_at FROM workers ORDER BY started_at, id;

-- name: doctor_migrations
SELECT name, oldest FROM migrations ORDER BY name;
