import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import type { EventType, RecordedEvent } from '#domain/events';
import { COPY_NULL, CopyLines, copyText } from './copy.js';
import { type Projection, projectionOf } from './projection.js';
import type { NewRowOf, RowOf, TableDefinition } from './table.js';

/** A group of rows of one table that an event reads or changes. */
export interface Touch {
  readonly table: TableDefinition;
  readonly group: readonly unknown[];
}

/** The rows in force, in memory, while the events of a batch are applied. */
export interface Rows {
  get<Of extends TableDefinition>(table: Of, ...group: readonly unknown[]): readonly RowOf<Of>[];
  /** Replaces the rows of the group, from the position of the event. A nullable column that is left out is null. */
  set<Of extends TableDefinition>(table: Of, group: readonly unknown[], rows: readonly NewRowOf<Of>[]): void;
}

export interface Handler<Type extends EventType> {
  /** Every group that `apply` reads or changes. They are loaded together for the whole batch. */
  touches(event: RecordedEvent<Type>): readonly Touch[];
  apply(event: RecordedEvent<Type>, rows: Rows): void;
}

/** One handler for each of these event types. A missing handler and one too many are compile errors. */
export type Handlers<Type extends EventType> = { readonly [Each in Type]: Handler<Each> };

/** The most common handler: makes the next rows of one group of one table. */
export const changing = <Type extends EventType, Of extends TableDefinition>(
  table: Of,
  groupOf: (event: RecordedEvent<Type>) => readonly unknown[],
  next: (event: RecordedEvent<Type>, rows: readonly RowOf<Of>[]) => readonly NewRowOf<Of>[],
): Handler<Type> => ({
  touches: (event) => [{ table, group: groupOf(event) }],
  apply: (event, rows) => {
    const group = groupOf(event);
    rows.set(table, group, next(event, rows.get(table, ...group)));
  },
});

export interface VersionedProjection<Type extends EventType> extends Pick<Projection, 'version' | 'tables'> {
  readonly on: Handlers<Type>;
}

const touchesOf = <Type extends EventType>(on: Handlers<Type>, event: RecordedEvent<Type>): readonly Touch[] =>
  on[event.type].touches(event);

const apply = <Type extends EventType>(on: Handlers<Type>, event: RecordedEvent<Type>, rows: Rows): void => {
  on[event.type].apply(event, rows);
};

/**
 * A projection whose events are applied in memory to the rows that they touch. The changes are written together, and
 * every version of a row is kept. `handles`: the event types of `Type`.
 */
export const versionedProjectionOf = <Name extends string, Type extends EventType>(
  name: Name,
  handles: ReadonlySet<string>,
  { version, tables, on }: VersionedProjection<Type>,
): Projection<Name> =>
  projectionOf<Name, Type>(name, handles, {
    version,
    tables,
    async project(batch, client) {
      const rows = new BatchRows(tables);
      await rows.load(
        client,
        batch.flatMap((event) => touchesOf(on, event)),
      );
      for (const event of batch) apply(on, event, rows.at(event.position));
      await rows.flush(client);
    },
  });

interface Version {
  readonly row: Record<string, unknown>;
  readonly from: number;
  readonly stored: boolean;
}
interface ClosedVersion extends Version {
  readonly to: number;
}

const keyText = (values: readonly unknown[]): string => JSON.stringify(values);

class TableRows {
  readonly groups = new Map<string, Map<string, Version>>();
  readonly closed: ClosedVersion[] = [];
  private readonly nulls: Record<string, unknown>;

  constructor(readonly table: TableDefinition) {
    const nullable = Object.entries(table.columns).filter(([, { isNullable }]) => isNullable);
    this.nulls = Object.fromEntries(nullable.map(([name]) => [name, null]));
  }

  private readonly keyColumns = (row: Record<string, unknown>): unknown[] =>
    this.table.key.map((column) => row[column]);

  group(group: readonly unknown[]): Map<string, Version> {
    const found = this.groups.get(keyText(group));
    if (found === undefined)
      throw new Error(`${this.table.name}: touches does not name group ${keyText(group)}, which is read or changed`);
    return found;
  }

  add(groupKey: string, row: Record<string, unknown>, from: number): void {
    this.groups.get(groupKey)?.set(keyText(this.keyColumns(row)), { row, from, stored: true });
  }

  replace(group: readonly unknown[], rows: readonly Record<string, unknown>[], position: number): void {
    const current = this.group(group);
    const next = new Map(rows.map((row) => [keyText(this.keyColumns(row)), { ...this.nulls, ...row }]));
    if (next.size !== rows.length)
      throw new Error(`${this.table.name}: two rows of group ${keyText(group)} have the same key`);
    for (const [key, version] of current) {
      const row = next.get(key);
      if (row !== undefined && sameRow(row, version.row)) next.delete(key);
      else {
        current.delete(key);
        // A version that the same event made was never in force.
        if (version.from < position) this.closed.push({ ...version, to: position });
      }
    }
    for (const [key, row] of next) current.set(key, { row, from: position, stored: false });
  }
}

/** Compares values as Postgres keeps them: jsonb has no order of keys, and a missing value equals null. */
function sameRow(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  const columns = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...columns].every((column) => sameValue(a[column] ?? null, b[column] ?? null));
}

function sameValue(a: unknown, b: unknown): boolean {
  const [one, other] = [JSON.stringify(a), JSON.stringify(b)];
  if (one === other) return true;
  const areObjects = typeof a === 'object' && typeof b === 'object';
  return areObjects && isDeepStrictEqual(JSON.parse(one), JSON.parse(other));
}

class BatchRows {
  private readonly tables: Map<string, TableRows>;
  constructor(tables: readonly TableDefinition[]) {
    this.tables = new Map(tables.map((table) => [table.name, new TableRows(table)]));
  }

  private of(table: TableDefinition): TableRows {
    const rows = this.tables.get(table.name);
    if (rows === undefined) throw new Error(`Table ${table.name} does not belong to this projection`);
    return rows;
  }

  at(position: number): Rows {
    return {
      get: <Of extends TableDefinition>(table: Of, ...group: readonly unknown[]) =>
        [...this.of(table).group(group).values()].map(({ row }) => row as RowOf<Of>),
      set: (table, group, rows) => {
        this.of(table).replace(group, rows, position);
      },
    };
  }

  async load(client: pg.ClientBase, touches: readonly Touch[]): Promise<void> {
    for (const { table, group } of touches) this.of(table).groups.set(keyText(group), new Map());
    for (const rows of this.tables.values()) if (rows.groups.size > 0) await loadGroups(client, rows);
  }

  async flush(client: pg.ClientBase): Promise<void> {
    for (const rows of this.tables.values()) {
      await closeVersions(
        client,
        rows.table,
        rows.closed.filter(({ stored }) => stored),
      );
      const opened = [...rows.groups.values()].flatMap((group) => [...group.values()].filter(({ stored }) => !stored));
      await insertVersions(client, rows.table, [
        ...rows.closed.filter(({ stored }) => !stored),
        ...opened.map((version) => ({ ...version, to: null })),
      ]);
    }
  }
}

/**
 * The rows in force of the group or key `v`, looked up through the index one by one. The planner knows the table as it
 * was when it was empty, and would join all of it.
 */
const inForceOf = (table: TableDefinition, by: readonly string[], columns: string): string =>
  `(SELECT ${columns} FROM ${table.name} t WHERE t.position_to IS NULL` +
  ` AND ${by.map((column) => `t.${column} = v.${column}`).join(' AND ')} OFFSET 0)`;

async function loadGroups(client: pg.ClientBase, rows: TableRows): Promise<void> {
  const { table } = rows;
  const groups = [...rows.groups.keys()].map((key) => JSON.parse(key) as unknown[]);
  const columns = table.group.map((_, index) => groups.map((group) => group[index]));
  const { rows: found } = await client.query<Record<string, unknown>>(
    `SELECT t.* FROM unnest(${unnested(table, table.group)}) AS v(${table.group.join(', ')})` +
      ` CROSS JOIN LATERAL ${inForceOf(table, table.group, '*')} t`,
    columns,
  );
  for (const { position_from: from, position_to: _open, ...row } of found) {
    rows.add(keyText(table.group.map((column) => row[column])), row, from as number);
  }
}

async function closeVersions(
  client: pg.ClientBase,
  table: TableDefinition,
  versions: readonly ClosedVersion[],
): Promise<void> {
  if (versions.length === 0) return;
  await client.query(
    `UPDATE ${table.name} t SET position_to = closed.position_to FROM (SELECT v.position_to, t.place` +
      ` FROM unnest(${unnested(table, table.key)}, $${table.key.length + 1}::bigint[])` +
      ` AS v(${table.key.join(', ')}, position_to)` +
      ` CROSS JOIN LATERAL ${inForceOf(table, table.key, 'ctid AS place')} t) closed WHERE t.ctid = closed.place`,
    [...table.key.map((column) => versions.map(({ row }) => row[column])), versions.map(({ to }) => to)],
  );
}

type WrittenVersion = Version & { readonly to: number | null };

/** From so many on, COPY costs less than arrays of parameters. */
const COPIED_FROM = 500;

async function insertVersions(
  client: pg.ClientBase,
  table: TableDefinition,
  versions: readonly WrittenVersion[],
): Promise<void> {
  if (versions.length === 0) return;
  const names = Object.keys(table.columns);
  const written = [...names, 'position_from', 'position_to'];
  const value = (row: Record<string, unknown>, column: string): unknown =>
    isJson(table.columns[column]?.type) && row[column] !== null && row[column] !== undefined
      ? JSON.stringify(row[column])
      : row[column];
  if (versions.length >= COPIED_FROM) {
    const lines = new CopyLines();
    const target = { table: table.name, columns: written };
    for (const { row, from, to } of versions)
      lines.add(
        target,
        [...names.map((column) => value(row, column)), from, to].map((each) => copied(table, each)).join('\t'),
      );
    await lines.copy(client);
    return;
  }
  await client.query(
    `INSERT INTO ${table.name} (${written.join(', ')}) SELECT * FROM unnest(` +
      `${unnested(table, names)}, $${names.length + 1}::bigint[], $${names.length + 2}::bigint[])`,
    [
      ...names.map((column) => versions.map(({ row }) => value(row, column))),
      versions.map(({ from }) => from),
      versions.map(({ to }) => to),
    ],
  );
}

const isJson = (type: string | undefined): boolean => type === 'json' || type === 'jsonb';

/** Errors: the value is not one that a column of a read model has. */
function copied(table: TableDefinition, value: unknown): string {
  if (value === null || value === undefined) return COPY_NULL;
  if (typeof value === 'string') return copyText(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error(`${table.name} can't have the value ${JSON.stringify(value)}`);
}

/**
 * `$1::text[], $2::numeric[], …`: the array parameters of these columns. Use jsonb for lists: array columns can't be
 * unnested.
 */
const unnested = (table: TableDefinition, columns: readonly string[]): string =>
  columns
    .map((column, index) => {
      const found = table.columns[column];
      if (found === undefined) throw new Error(`${table.name} has no column ${column}`);
      return `$${index + 1}::${found.type}[]`;
    })
    .join(', ');
