-- Runs and events of each day in a table of their own, for installations so large that deleting
-- old runs one by one is too slow: see docs/capacity.md. Made once, while no process runs:
--
--   psql "$MINIZAPS_DATABASE_URL" -v ON_ERROR_STOP=1 -f deploy/partitions.sql
--
-- then once a day:
--
--   SELECT make_days(30);                 -- those of the next 30 days, where they are missing
--   SELECT drop_day('2026-03-01', 30);    -- that day; runs that ended within 30 days are kept
--
-- Ids are UUIDv7, so that a run's id says its day. The program needs not know.
BEGIN;
SET LOCAL client_min_messages = warning;

CREATE FUNCTION first_id(day date) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$
  SELECT (left(ms, 8) || '-' || right(ms, 4) || '-0000-0000-000000000000')::uuid
  FROM lpad(to_hex((extract(epoch FROM day::timestamp) * 1000)::bigint), 12, '0') ms
$$;

CREATE FUNCTION make_day(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  part text;
BEGIN
  FOREACH part IN ARRAY ARRAY['runs', 'events'] LOOP
    IF to_regclass(part || to_char(day, '_YYYYMMDD')) IS NULL THEN
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                     part || to_char(day, '_YYYYMMDD'), part, first_id(day), first_id(day + 1));
      IF part = 'runs' THEN
        EXECUTE format('ALTER TABLE %I SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)',
                       part || to_char(day, '_YYYYMMDD'));
      END IF;
    END IF;
  END LOOP;
END $$;

CREATE FUNCTION make_days(ahead integer) RETURNS void LANGUAGE sql AS $$
  SELECT make_day(current_date + n) FROM generate_series(0, ahead) n
$$;

-- Drops the oldest day. What is still needed of it moves to the tables runs_old and events_old:
-- runs that have not ended, open dead letters, and what has ended within so many days.
CREATE FUNCTION drop_day(day date, days integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  runs_day text := to_char(day, '"runs_"YYYYMMDD');
  events_day text := to_char(day, '"events_"YYYYMMDD');
  ended bigint := (extract(epoch FROM now()) - days * 86400) * 1000;
BEGIN
  SET LOCAL lock_timeout = '2s';  -- fail, to be called again, rather than hold up the load
  LOCK TABLE runs, events IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('ALTER TABLE runs DETACH PARTITION %I', runs_day);
  EXECUTE format('ALTER TABLE events DETACH PARTITION %I', events_day);
  ALTER TABLE runs DETACH PARTITION runs_old;
  ALTER TABLE events DETACH PARTITION events_old;
  EXECUTE format(
    'WITH kept AS (
       INSERT INTO runs_old SELECT * FROM %I
       WHERE finished_at IS NULL OR dead_letter = ''open'' OR finished_at >= %s RETURNING id
     )
     INSERT INTO events_old SELECT e.* FROM %I e JOIN kept ON kept.id = e.run_id',
    runs_day, ended, events_day);
  EXECUTE format('ALTER TABLE runs ATTACH PARTITION runs_old FOR VALUES FROM (MINVALUE) TO (%L)',
                 first_id(day + 1));
  EXECUTE format(
    'ALTER TABLE events ATTACH PARTITION events_old FOR VALUES FROM (MINVALUE) TO (%L)',
    first_id(day + 1));
  EXECUTE format('DROP TABLE %I, %I', runs_day, events_day);
  DELETE FROM signals s WHERE s.run_id BETWEEN first_id(day) AND first_id(day + 1)
    AND NOT EXISTS (SELECT FROM runs r WHERE r.id = s.run_id);
  DELETE FROM callbacks c WHERE c.run_id BETWEEN first_id(day) AND first_id(day + 1)
    AND NOT EXISTS (SELECT FROM runs r WHERE r.id = c.run_id);
END $$;

-- The two tables, split: same columns, same indexes, same names.
DO $$
DECLARE
  part text;
  key text;
  index_ text;
  indexes text[];
  day date;
  first date := (SELECT coalesce(to_timestamp(min(created_at) / 1000), now()) AT TIME ZONE 'UTC'
                 FROM runs);
BEGIN
  FOREACH part IN ARRAY ARRAY['runs', 'events'] LOOP
    EXECUTE format('ALTER TABLE %I RENAME TO %I', part, part || '_whole');
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS) PARTITION BY RANGE (%I)',
                   part, part || '_whole', CASE part WHEN 'runs' THEN 'id' ELSE 'run_id' END);
    EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (MINVALUE) TO (%L)',
                   part || '_old', part, first_id(first));
    EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', part || '_default', part);
  END LOOP;
  FOR n IN 0 .. current_date + 30 - first LOOP
    PERFORM make_day(first + n);
  END LOOP;
  FOREACH part IN ARRAY ARRAY['runs', 'events'] LOOP
    SELECT array_agg(pg_get_indexdef(indexrelid)) FILTER (WHERE NOT indisprimary),
           string_agg(pg_get_constraintdef(c.oid), '') INTO indexes, key
    FROM pg_index LEFT JOIN pg_constraint c ON c.conindid = indexrelid AND c.contype = 'p'
    WHERE indrelid = (part || '_whole')::regclass;
    EXECUTE format('INSERT INTO %I SELECT * FROM %I', part, part || '_whole');
    EXECUTE format('DROP TABLE %I', part || '_whole');
    EXECUTE format('ALTER TABLE %I ADD %s', part, key);
    FOREACH index_ IN ARRAY coalesce(indexes, '{}') LOOP
      EXECUTE replace(index_, part || '_whole', part);
    END LOOP;
  END LOOP;
END $$;

COMMIT;
ANALYZE runs, events;
