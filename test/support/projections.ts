import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type pg from 'pg';
import type { z } from 'zod';
import type { EventMetadata, eventSchemas, EventType, RecordedEvent } from '#domain/events';
import { instant } from '#domain/time/instant';
import { EventCodec } from '#event-store/codec';
import type { StoredEvent } from '#event-store/port';
import { indexesBefore, prepareBulkRebuild } from '#read-model/bulk-rebuild';
import { CopyLines } from '#read-model/copy';
import { ensurePartitions } from '#read-model/partitions';
import type { Projection } from '#read-model/projection';
import { createReadModels } from '#read-model/schema';
import { type RowOf, type TableDefinition, type Versioned } from '#read-model/table';
import { type TestDatabase, testDatabase } from './postgres.js';

/** An event as a spec writes it: its data under its type. */
export type Fact = {
  readonly [Type in EventType]: { readonly [Name in Type]: z.input<(typeof eventSchemas)[Type]> };
}[EventType] & { readonly metadata?: Partial<EventMetadata> };

export interface Projected {
  /** Projects events as one batch. The first event of a case has position 1. */
  readonly given: (...facts: readonly Fact[]) => Promise<void>;
  /** The same, for the events that the case is about. */
  readonly when: (...facts: readonly Fact[]) => Promise<void>;
  /** The same, for events that this process wrote a moment ago. */
  readonly whenOwn: (...facts: readonly Fact[]) => Promise<void>;
  /** The rows in force now, or as of a position, in the order of their keys and without their nulls. */
  readonly rows: <Of extends TableDefinition>(table: Of, position?: number) => Promise<Partial<RowOf<Of>>[]>;
  /** Every version of every row, with the positions over which it was in force. */
  readonly versions: <Of extends TableDefinition>(table: Of) => Promise<Partial<RowOf<Of> & Versioned>[]>;
  /** Removes all rows. The next event has position 1. */
  readonly clear: () => Promise<void>;
  /** The versions that a rebuild makes of all events of the case: by COPY, in one go. */
  readonly rebuilt: Projected['versions'];
}

const SCHEMA = 'read_models';
const REBUILT = 'rebuilt';
const codec = new EventCodec();

/** An id that says which it is. */
export const id = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** Projections, in their order, on tables that are empty before each case. */
export function projected(...projections: readonly Projection[]): Projected {
  const tables = projections.flatMap((projection) => projection.tables);
  let database: TestDatabase;
  let client: pg.PoolClient;
  let position = 0;
  let events: RecordedEvent[] = [];

  beforeAll(async () => {
    database = await testDatabase();
    client = await database.pool.connect();
    await inTransaction(client, () => createReadModels(client, SCHEMA, projections, null));
    await client.query(`SET search_path TO ${SCHEMA}`);
  });
  beforeEach(clear);
  afterAll(async () => {
    client.release();
    await database.drop();
  });

  async function clear(): Promise<void> {
    [position, events] = [0, []];
    await client.query(`TRUNCATE ${tables.map(({ name }) => name).join(', ')}`);
  }

  const apply = async (...facts: readonly Fact[]): Promise<void> =>
    project(facts.map((fact) => codec.decode(stored(fact, (position += 1)))));

  async function project(batch: readonly RecordedEvent[]): Promise<void> {
    events.push(...batch);
    const partitions = projections.flatMap((projection) => projection.partitions(batch));
    await ensurePartitions(client, SCHEMA, partitions);
    await inTransaction(client, async () => {
      for (const projection of projections) await projection.project(batch, client);
    });
  }

  async function rebuilt<Of extends TableDefinition>(table: Of) {
    await inTransaction(client, async () => {
      await client.query(`DROP SCHEMA IF EXISTS ${REBUILT} CASCADE`);
      await createReadModels(client, REBUILT, projections, null, indexesBefore(projections));
      await prepareBulkRebuild(client, REBUILT, projections);
    });
    const partitions = projections.flatMap((projection) => projection.partitions(events));
    await ensurePartitions(client, REBUILT, partitions);
    await inTransaction(client, async () => {
      await client.query(`SET LOCAL search_path TO ${REBUILT}`);
      for (const { bulk, name } of projections) {
        if (bulk === undefined) throw new Error(`the projection ${name} is not rebuilt by COPY`);
        const lines = new CopyLines();
        for (const event of events) bulk.rows(event, lines);
        await lines.copy(client);
        await bulk.finish(client);
      }
    });
    return versionsIn(REBUILT, table);
  }

  async function versionsIn<Of extends TableDefinition>(schema: string, table: Of) {
    const { rows } = await client.query<RowOf<Of> & Versioned>(
      `SELECT * FROM ${schema}.${table.name} ORDER BY position_from, ${table.key.join(', ')}`,
    );
    return rows.map(withoutNulls);
  }

  return {
    given: apply,
    when: apply,
    whenOwn: async (...facts) => project(facts.map((fact) => codec.decodeOwn(stored(fact, (position += 1))))),
    clear,
    async rows<Of extends TableDefinition>(table: Of, asOf = position) {
      const { rows } = await client.query<RowOf<Of>>(
        `SELECT ${Object.keys(table.columns).join(', ')} FROM ${table.name}` +
          ` WHERE position_from <= $1 AND (position_to IS NULL OR position_to > $1) ORDER BY ${table.key.join(', ')}`,
        [asOf],
      );
      return rows.map(withoutNulls);
    },
    versions: async (table) => versionsIn(SCHEMA, table),
    rebuilt,
  };
}

function stored({ metadata = {}, ...fact }: Fact, position: number): StoredEvent {
  const [[type, data] = ['', {}]] = Object.entries(fact);
  return {
    id: id(position),
    stream: 'a-stream',
    revision: position - 1,
    position,
    recordedAt: instant('2026-06-01T00:00:00Z'),
    type,
    data: JSON.stringify(data),
    metadata: JSON.stringify({ actor: 'spec', v: 1, ...metadata }),
  };
}

const withoutNulls = <Row extends object>(row: Row): Partial<Row> =>
  Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as Partial<Row>;

async function inTransaction(client: pg.ClientBase, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN');
  try {
    await work();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}
