import { invalid } from '#domain/errors';
import { LogUntil } from '#event-store/until';
import { Projector } from '#read-model/projector';
import type { TableDefinition } from '#read-model/table';
import type { LedgerCore } from '#ledger/ledger-core';
import { visibleTenant, type QueryContext } from '#ledger/query';
import { differingTables } from './replay-compare.js';
import { keepOnly } from './replay-tenant.js';

export interface Replayed {
  readonly schema: string;
  /** The log position whose state it is. */
  readonly position: number;
  readonly tenantId: string | null;
  /** Row versions by table. */
  readonly tables: Readonly<Record<string, number>>;
  /**
   * Tables that differ from the live read models as of the position: none, unless something is wrong. null: one
   * tenant's replay.
   */
  readonly differing: readonly string[] | null;
}

const PLAIN = /^[a-z_][a-z0-9_]{0,62}$/;
const OURS = /^(ledgerline.*|pg_.*|public|information_schema)$/;

/**
 * Replays the log up to the context's position into a separate schema, which can be queried with SQL. A schema of an
 * earlier replay is replaced. Errors: `invalid_schema`, `schema_exists`, `unknown_tenant`.
 */
export async function replayInto(context: QueryContext, schema: string, tenantId: string | null): Promise<Replayed> {
  const { core, position } = context;
  if (!PLAIN.test(schema) || OURS.test(schema))
    throw refused(
      'invalid_schema',
      `${JSON.stringify(schema)} can't be replayed into: use a name of a-z, 0-9 and _` +
        " that is neither Postgres's nor the ledger's",
    );
  if (tenantId !== null) await visibleTenant(context, tenantId);
  await clear(context, schema);
  await project(context, schema);
  await core.pool.query(`CREATE TABLE ${schema}.replay AS SELECT $1::bigint AS position, $2::text AS tenant_id`, [
    position,
    tenantId,
  ]);
  const tables = core.projector.list().flatMap((projection) => projection.tables);
  const differing = tenantId === null ? (await differingTables(context, schema)).map(({ name }) => name) : null;
  if (tenantId !== null) await keepOnly(core, schema, tenantId, tables);
  return { schema, position, tenantId, tables: await countsOf(context, schema, tables), differing };
}

/** Builds the read models as of the context's position from the log, in a schema that does not exist yet. */
export async function project({ core, position }: QueryContext, schema: string): Promise<void> {
  const replay = new Projector(new LogUntil(core.log, position), core.pool, core.projector.list(), schema);
  await replay.prepare();
  await replay.catchUp();
}

const refused = (code: string, message: string) => invalid(code, message, [{ field: 'into', message }]);

async function clear({ core }: QueryContext, schema: string): Promise<void> {
  const { rows } = await core.pool.query<{ schema: boolean; replay: boolean }>(
    'SELECT to_regnamespace($1) IS NOT NULL AS schema, to_regclass($2) IS NOT NULL AS replay',
    [schema, `${schema}.replay`],
  );
  if (rows[0]?.schema !== true) return;
  if (!rows[0].replay)
    throw refused(
      'schema_exists',
      `the schema ${schema} exists, and no replay made it. Nothing was changed. Name another with --into, or drop it`,
    );
  await dropSchema(core, schema);
}

export async function dropSchema({ pool }: Pick<LedgerCore, 'pool'>, schema: string): Promise<void> {
  await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
}

async function countsOf(
  { core }: QueryContext,
  schema: string,
  tables: readonly TableDefinition[],
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { name } of tables)
    counts[name] =
      (await core.pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${schema}.${name}`)).rows[0]?.n ?? 0;
  return counts;
}
