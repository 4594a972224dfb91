/** The revision of each event that `append_mirrored` got, and the one at which its stream goes on. */
const revisions = (schema: string): string => `
    select m.*, coalesce(lag(m.revision) over (partition by m.stream order by m.source_position),
      (select s.revision from ${schema}.streams s where s.name = m.stream), -1) + 1 as due
    from unnest(source_positions, streams, revisions) as m(source_position, stream, revision)
    where m.source_position > coalesce(last_source, -1)`;

/** What `append_mirrored` got and has not copied yet, with the revision at which each stream goes on. */
const incoming = (schema: string): string => `
    select m.*, coalesce(lag(m.revision) over (partition by m.stream order by m.source_position),
      (select s.revision from ${schema}.streams s where s.name = m.stream), -1) + 1 as due
    from unnest(source_positions, streams, revisions, event_ids, types, datas, metadatas, recorded_ats)
      as m(source_position, stream, revision, event_id, type, data, metadata, recorded_at)
    where m.source_position > coalesce(last_source, -1)`;

/**
 * The log in Postgres, as SQL. `schema` is a plain identifier (PostgresLog checks it).
 *
 * - `head`, one row, is the lock that puts all appends in one order, so that positions are dense and in commit order. A
 *   sequence would not give this: a later number can be visible before an earlier one, and a reader that has passed the
 *   earlier one loses it.
 * - `data` and `metadata` are text, because jsonb does not keep bytes and these bytes are hashed.
 * - `source_position` is set if the log is a mirror: the commit position of the event in its source.
 */
export const schemaSql = (schema: string): string => `
create schema if not exists ${schema};

create table if not exists ${schema}.head (
  only_row        boolean primary key default true check (only_row),
  position        bigint not null,
  recorded_at     timestamptz not null,
  source_position bigint
);
insert into ${schema}.head (position, recorded_at) values (0, '0001-01-01T00:00:00Z') on conflict do nothing;

create table if not exists ${schema}.streams (
  name     text collate "C" primary key,
  revision bigint not null
);

create table if not exists ${schema}.events (
  position        bigint primary key,
  stream          text collate "C" not null,
  revision        bigint not null,
  event_id        uuid not null,
  type            text collate "C" not null,
  data            text not null,
  metadata        text not null,
  recorded_at     timestamptz not null,
  source_position bigint unique,
  unique (stream, revision)
);

-- In a mirror: the bytes of events that are not text, by the position of the event that stands for each.
create table if not exists ${schema}.unheld (
  position bigint primary key,
  type     bytea not null,
  data     bytea not null,
  metadata bytea not null
);

-- In a mirror: what the source removed. Without revisions: the source permanently deleted the stream. With revisions:
-- they were removed before they were copied, and an event of the type $removed stands for them.
create table if not exists ${schema}.removed (
  source_position bigint primary key,
  stream          text collate "C" not null,
  from_revision   bigint,
  to_revision     bigint
);

create or replace function ${schema}.refuse_change() returns trigger language plpgsql as $refuse$
begin
  raise exception 'events are never changed: % on %.% is refused', tg_op, tg_table_schema, tg_table_name
    using errcode = 'insufficient_privilege', hint = 'Append an event that corrects the earlier one.';
end
$refuse$;
create or replace trigger refuse_change before update or delete or truncate on ${schema}.events
  for each statement execute function ${schema}.refuse_change();
revoke update, delete, truncate on ${schema}.events from public;

-- The position of the last event recorded at or before an instant. recorded_at never goes back, so halving finds it,
-- without an index that every append would have to keep.
create or replace function ${schema}.position_at(instant timestamptz) returns bigint language plpgsql stable as
  $position$
declare
  low    bigint := 0;
  high   bigint;
  middle bigint;
begin
  select h.position into strict high from ${schema}.head h;
  while low < high loop
    middle := (low + high + 1) / 2;
    if (select e.recorded_at <= instant from ${schema}.events e where e.position = middle)
      then low := middle; else high := middle - 1; end if;
  end loop;
  return low;
end
$position$;

-- One batch of appends, each to a different stream. Event k belongs to append append_no[k], as its event_no[k]-th (from
-- 1). One answer per append, in order: 'appended'; 'repeated' (the stream continued from there with exactly these event
-- ids: nothing is written, the answer is that of the first append); or 'conflict', with the actual revision of the
-- stream. Tables are read row by row (a subquery, a limited lateral join): a batch is small, and a planner without
-- fresh statistics would read the whole table instead.
create or replace function ${schema}.append(
  streams text[], expected bigint[], sizes integer[],
  append_no integer[], event_no integer[], event_ids uuid[], types text[], datas text[], metadatas text[]
) returns table (answer text, at_revision bigint, at_position bigint) language plpgsql as $append$
declare
  last_position bigint;
  recorded      timestamptz;
  mirrored      bigint;
begin
  select h.position, greatest(clock_timestamp(), h.recorded_at), h.source_position into strict last_position,
    recorded, mirrored
    from ${schema}.head h for update;
  if mirrored is not null then
    raise exception 'this log is a mirror: append to its source' using errcode = 'object_not_in_prerequisite_state';
  end if;

  return query
  with request as materialized (
    select r.n::integer as n, r.stream, r.expected, r.size,
      coalesce((select s.revision from ${schema}.streams s where s.name = r.stream), -1) as actual
    from unnest(streams, expected, sizes) with ordinality as r(stream, expected, size, n)
  ),
  event as materialized (
    select e.* from unnest(append_no, event_no, event_ids, types, datas, metadatas) with ordinality
      as e(n, i, event_id, type, data, metadata, ordinal)
  ),
  repetition as (
    select r.n, max(w.position) as position
    from request r
    join event e on e.n = r.n
    left join lateral (
      select s.position, s.event_id from ${schema}.events s
        where s.stream = r.stream and s.revision = r.expected + e.i limit 1
    ) w on true
    where r.expected < r.actual
    group by r.n
    having bool_and(coalesce(w.event_id = e.event_id, false))
  ),
  decided as materialized (
    select r.n, r.stream, r.expected, r.size, r.actual, p.position,
      case when r.expected = r.actual then 'appended' when p.n is not null then 'repeated' else 'conflict' end as answer
    from request r
    left join repetition p on p.n = r.n
  ),
  numbered as materialized (
    select e.n, last_position + row_number() over (order by e.ordinal) as position,
      d.stream, d.expected + e.i as revision, e.event_id, e.type, e.data, e.metadata
    from event e
    join decided d on d.n = e.n
    where d.answer = 'appended'
  ),
  written as (
    insert into ${schema}.events (position, stream, revision, event_id, type, data, metadata, recorded_at)
    select w.position, w.stream, w.revision, w.event_id, w.type, w.data, w.metadata, recorded from numbered w
      order by w.position
  ),
  stream_moved as (
    insert into ${schema}.streams (name, revision)
    select d.stream, d.expected + d.size from decided d where d.answer = 'appended'
    on conflict (name) do update set revision = excluded.revision
  ),
  head_moved as (
    update ${schema}.head h set position = w.position, recorded_at = recorded
    from (select max(position) as position from numbered) w
    where w.position is not null
  )
  select d.answer, case d.answer when 'conflict' then d.actual else d.expected + d.size end,
    coalesce(d.position, w.position)
  from decided d
  left join (select n, max(position) as position from numbered group by n) w on w.n = d.n
  order by d.n;

  perform pg_notify('${schema}', h.position::text) from ${schema}.head h where h.position > last_position;
end
$append$;

-- Copies events of another log, in its order, to the next dense positions. Events up to the last copied one are
-- skipped, so that a batch may be sent again. recordedAt is that of the source, except if the clock of the source went
-- back: then the earlier instant is kept, because an instant must identify one position here. Where the source lacks
-- revisions of a stream, an event that stands for them comes before. read_after: where the source was read from, so
-- that nothing is missing between it and these. Returns the positions of the copied events, in order; the skipped ones
-- are the first of the batch. Almost always nothing is skipped and nothing is missing. Then the events go from the
-- arrays to the table as they come: no step in between keeps their data, which may be more than work_mem.
drop function if exists ${schema}.append_mirrored(bigint[], text[], bigint[], uuid[], text[], text[], text[],
  timestamptz[]);
drop function if exists ${schema}.append_mirrored(bigint[], text[], bigint[], uuid[], text[], text[], text[],
  timestamptz[], bigint[], bytea[], bytea[], bytea[], bigint[], text[]);
create or replace function ${schema}.append_mirrored(
  read_after bigint, source_positions bigint[], streams text[], revisions bigint[], event_ids uuid[], types text[],
    datas text[], metadatas text[], recorded_ats timestamptz[],
  unheld_positions bigint[], unheld_types bytea[], unheld_datas bytea[], unheld_metadatas bytea[],
  deleted_positions bigint[], deleted_streams text[]
) returns bigint[] language plpgsql as $mirror$
declare
  copied        bigint[];
  last_position bigint;
  last_recorded timestamptz;
  last_source   bigint;
  odd           record;
  count         bigint := cardinality(source_positions);
begin
  -- The source has the events on disk. What a crash of this server loses is copied again, to the same positions.
  perform set_config('synchronous_commit', 'off', true);
  select h.position, h.recorded_at, h.source_position into strict last_position, last_recorded, last_source
    from ${schema}.head h for update;
  if last_source is null and last_position > 0 then
    raise exception 'this log has its own events: it can''t become a mirror'
      using errcode = 'object_not_in_prerequisite_state';
  end if;
  if coalesce(last_source, 0) < read_after then
    raise exception 'the mirror ends at source position %, and what comes after % is to be copied',
      coalesce(last_source, 0), read_after
      using errcode = 'serialization_failure', hint = 'Did the server lose its last commits?';
  end if;

  select r.* into odd from (${revisions(schema)}) r where r.revision <> r.due
    order by r.revision > r.due, r.source_position limit 1;
  if odd.revision < odd.due then
    raise exception 'the source repeats: % comes at revision % where % is due (source position %)',
      odd.stream, odd.revision, odd.due, odd.source_position
      using errcode = 'data_exception', hint = 'Is the source another server, or was it restored?';
  end if;

  if odd is null and source_positions[1] > coalesce(last_source, -1) and cardinality(unheld_positions) = 0
      and cardinality(deleted_positions) = 0 then
    insert into ${schema}.events (position, stream, revision, event_id, type, data, metadata, recorded_at,
      source_position)
    select generate_series(last_position + 1, last_position + count), unnest(streams), unnest(revisions),
      unnest(event_ids), unnest(types), unnest(datas), unnest(metadatas), greatest(last_recorded, unnest(recorded_ats)),
      unnest(source_positions);
    insert into ${schema}.streams (name, revision)
    select m.stream, max(m.revision) from unnest(streams, revisions) as m(stream, revision) group by m.stream
    on conflict (name) do update set revision = excluded.revision;
    update ${schema}.head h set position = last_position + count, source_position = source_positions[count],
      recorded_at = greatest(last_recorded, recorded_ats[count]);
    perform pg_notify('${schema}', (last_position + count)::text);
    return array(select generate_series(last_position + 1, last_position + count));
  end if;

  with incoming as materialized (${incoming(schema)}),
  removed as (
    insert into ${schema}.removed (source_position, stream, from_revision, to_revision)
    select i.source_position, i.stream, i.due, i.revision - 1 from incoming i where i.revision > i.due
    union all
    select d.source_position, d.stream, null, null
    from unnest(deleted_positions, deleted_streams) as d(source_position, stream)
    where d.source_position > coalesce(last_source, -1)
  ),
  due as (
    select i.source_position, 0 as part, i.stream, i.revision - 1 as revision,
      md5(i.stream || ' ' || i.revision)::uuid as event_id, '$removed' as type,
      format('{"fromRevision":%s,"toRevision":%s}', i.due, i.revision - 1) as data,
      '{"actor":"unknown"}' as metadata, i.recorded_at
    from incoming i where i.revision > i.due
    union all
    select i.source_position, 1, i.stream, i.revision, i.event_id, i.type, i.data, i.metadata, i.recorded_at
    from incoming i
  ),
  written as (
    insert into ${schema}.events (position, stream, revision, event_id, type, data, metadata, recorded_at,
      source_position)
    select last_position + row_number() over (order by d.source_position, d.part), d.stream, d.revision, d.event_id,
      d.type, d.data, d.metadata,
      greatest(last_recorded, max(d.recorded_at) over (order by d.source_position, d.part rows unbounded preceding)),
      case d.part when 1 then d.source_position end
    from due d order by d.source_position, d.part
    returning position, source_position, recorded_at
  ),
  kept as (
    insert into ${schema}.unheld (position, type, data, metadata)
    select w.position, u.type, u.data, u.metadata
    from unnest(unheld_positions, unheld_types, unheld_datas, unheld_metadatas) as
      u(source_position, type, data, metadata)
    join written w on w.source_position = u.source_position
  ),
  stream_moved as (
    insert into ${schema}.streams (name, revision)
    select i.stream, max(i.revision) from incoming i group by i.stream
    on conflict (name) do update set revision = excluded.revision
  )
  update ${schema}.head h
    set position = greatest(h.position, w.position), recorded_at = greatest(h.recorded_at, w.recorded_at),
      source_position = greatest(h.source_position, w.source_position, d.source_position)
  from (select max(position) as position, max(recorded_at) as recorded_at, max(source_position) as source_position,
    array_agg(position order by position) filter (where source_position is not null) as positions
    from written) w, (select max(p) as source_position from unnest(deleted_positions) as p) d
  returning w.positions into copied;

  perform pg_notify('${schema}', h.position::text) from ${schema}.head h where h.position > last_position;
  return coalesce(copied, '{}');
end
$mirror$;
`;
