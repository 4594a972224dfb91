import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Period } from '#domain/time/period';
import { anyOf } from '#read-model/any-of';
import { at, type Positions } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { CostDeliveryRow, CostLineContent, CostLineRow } from './costs.table.js';

type Db = Kysely<ReadModels>;

export const CONTENT = [
  'provider',
  'invoice_ref',
  'line_key',
  'resource_id',
  'kind',
  'charge_period_start',
  'charge_period_end',
  'amount',
  'effective_amount',
  'currency',
  'category',
  'class',
  'tenant_id',
  'description',
  'position_from',
  'position_to',
] as const;

/** Every version of the lines of one provider invoice, in the order of recording. */
export async function readCostLineVersions(
  db: Db,
  { provider, invoiceRef }: { readonly provider: string; readonly invoiceRef: string },
  lineKeys: readonly string[],
): Promise<History<CostLineRow>[]> {
  const of = sql`provider = ${provider} AND invoice_ref = ${invoiceRef} AND line_key = ${anyOf(lineKeys)}`;
  // Lines in force and superseded lines have an index each.
  const { rows } = await sql<History<CostLineRow>>`
    SELECT * FROM cost_lines WHERE ${of} AND position_to IS NULL
    UNION ALL
    SELECT * FROM cost_lines WHERE ${of} AND position_to IS NOT NULL
    ORDER BY position_from`.execute(db);
  return rows;
}

type DeliveryKey = Pick<CostDeliveryRow, 'provider' | 'delivery'>;

/** The last delivery of each of these accounts and months, as far as one was imported. */
export async function readCostDeliveries(db: Db, of: readonly DeliveryKey[]): Promise<History<CostDeliveryRow>[]> {
  const { rows } = await sql<History<CostDeliveryRow>>`
    SELECT * FROM cost_deliveries WHERE ${isOneOf(of)} AND position_to IS NULL`.execute(db);
  return rows;
}

/** The last deliveries of these names, of any provider, and those that are, or are parts of, these wholes. */
export async function readDeliveriesOf(
  db: Db,
  names: readonly string[],
  wholes: readonly string[],
): Promise<History<CostDeliveryRow>[]> {
  const { rows } = await sql<History<CostDeliveryRow>>`
    SELECT * FROM cost_deliveries
    WHERE position_to IS NULL
      AND (delivery = ${anyOf([...names, ...wholes])}
        OR EXISTS (SELECT FROM unnest(${wholes}::text[]) whole WHERE starts_with(delivery, whole || ' ')))
    ORDER BY provider, delivery`.execute(db);
  return rows;
}

/** The last delivery whose import has started and is not completed: the position at which it started. null: none. */
export async function readUnfinishedImport(db: Db, position: number): Promise<number | null> {
  const { rows } = await sql<{ started: number }>`
    SELECT position_from AS started FROM cost_deliveries WHERE ${at(position)} AND pending <> '[]'
    ORDER BY position_from DESC LIMIT 1`.execute(db);
  return rows[0]?.started ?? null;
}

/** The names that these accounts and months ever had a delivery under. */
export async function readDeliveryNames(
  db: Db,
  of: readonly DeliveryKey[],
): Promise<(DeliveryKey & { readonly name: string })[]> {
  const { rows } = await sql<DeliveryKey & { readonly name: string }>`
    SELECT DISTINCT provider, delivery, name FROM cost_deliveries
    WHERE ${isOneOf(of)} AND name IS NOT NULL`.execute(db);
  return rows;
}

/** The SHA-256 of the files that these accounts and months ever had. */
export async function readDeliveredFiles(
  db: Db,
  of: readonly DeliveryKey[],
): Promise<(DeliveryKey & { readonly sha256: string })[]> {
  const { rows } = await sql<DeliveryKey & { readonly sha256: string }>`
    SELECT DISTINCT provider, delivery, file ->> 'sha256' AS sha256
    FROM cost_deliveries CROSS JOIN LATERAL jsonb_array_elements(files) AS file
    WHERE ${isOneOf(of)}`.execute(db);
  return rows;
}

const isOneOf = (of: readonly DeliveryKey[]): RawBuilder<boolean> => sql<boolean>`
  (provider, delivery) IN (SELECT * FROM unnest(${of.map(({ provider }) => provider)}::text[],
    ${of.map(({ delivery }) => delivery)}::text[]))`;

/** As the index of lines in force has them: a bill may have millions. */
export const COST_LINE_ORDER = keyset<Pick<CostLineRow, 'provider' | 'invoice_ref' | 'line_key'>>({
  provider: 'indexed text',
  invoice_ref: 'indexed text',
  line_key: 'indexed text',
});

/** The bills of a provider that have lines in force, from the first of these references on. */
export async function readBillsFrom(db: Db, provider: string, refs: readonly string[]): Promise<string[]> {
  // From bill to bill through the index: each may have millions of lines.
  const next = (after: RawBuilder<unknown>): RawBuilder<unknown> => sql`
    (SELECT invoice_ref FROM cost_lines WHERE provider = ${provider} AND position_to IS NULL AND invoice_ref ${after}
     ORDER BY invoice_ref LIMIT 1)`;
  const { rows } = await sql<{ invoice_ref: string }>`
    WITH RECURSIVE bills AS (
      SELECT ${next(sql`>= (SELECT min(ref) FROM unnest(${refs}::text[]) AS ref)`)} AS invoice_ref
      UNION ALL
      SELECT ${next(sql`> bills.invoice_ref`)} FROM bills WHERE invoice_ref IS NOT NULL)
    SELECT invoice_ref FROM bills WHERE invoice_ref IS NOT NULL`.execute(db);
  return rows.map(({ invoice_ref }) => invoice_ref);
}

/** A bill, and the key of a line. */
export interface BillAfter {
  readonly provider: string;
  readonly invoiceRef: string;
  /** Lines after this one. Empty: all. */
  readonly lineKey: string;
}

/** A line in force of a bill. */
export type BilledLine = History<CostLineContent> & {
  /** The index of its bill among those asked for. */
  readonly of: number;
  /** Half of the SHA-256 of its details as JSON, in the order of FOCUS_DETAILS. null: they were not kept. */
  readonly details: string | null;
};

/** Of each bill the lines in force after a key, so many at most. */
export async function readBilledLines(db: Db, of: readonly BillAfter[], limit: number): Promise<BilledLine[]> {
  const [refs, keys] = [of.map(({ invoiceRef }) => invoiceRef), of.map(({ lineKey }) => lineKey)];
  const { rows } = await sql<BilledLine>`
    SELECT line.*, of.number::int - 1 AS of
    FROM unnest(${of.map(({ provider }) => provider)}::text[], ${refs}::text[], ${keys}::text[])
      WITH ORDINALITY AS of (provider, ref, key, number)
    CROSS JOIN LATERAL (
      SELECT ${sql.join(CONTENT.map((column) => sql.ref(column)))},
        left(encode(sha256(convert_to(focus::text, 'UTF8')), 'hex'), 32) AS details
      FROM cost_lines
      WHERE cost_lines.provider = of.provider AND invoice_ref = of.ref AND position_to IS NULL AND line_key > of.key
      ORDER BY line_key LIMIT ${limit}) line
    ORDER BY of.number, line.line_key`.execute(db);
  return rows;
}

/** The cost by currency, without tax, for all periods. */
export async function readCostTotals(
  db: Db,
  position: number,
): Promise<{ readonly currency: string; readonly amount: string }[]> {
  const { rows } = await sql<{ currency: string; amount: string }>`
    SELECT currency, sum(amount) AS amount
    FROM cost_lines WHERE category <> 'tax' AND ${at(position)}
    GROUP BY currency ORDER BY currency`.execute(db);
  return rows;
}

/** What changed a cost or its holder: a cost line, a resource or the tenant of a deployment. Else null. */
export interface CostChange {
  readonly position: number;
  readonly of: 'line' | 'resource' | 'deployment';
  readonly provider: string | null;
  readonly kind: string | null;
  readonly resource_id: string | null;
  readonly tenant_id: string | null;
  readonly deployment_id: string | null;
}

/** Where costs of a period were recorded or changed, or their tenant or deployment changed. */
export async function readCostChanges(
  db: Db,
  { first, last }: Positions,
  { period, currency }: { readonly period: Period; readonly currency: string },
): Promise<CostChange[]> {
  const ofResource = sql`'resource', provider, NULL, provider_id, NULL, NULL`;
  const { rows } = await sql<CostChange>`
    WITH costs AS (
      SELECT * FROM cost_lines
      WHERE currency = ${currency} AND charge_period_start < ${period.end} AND charge_period_end > ${period.start}
        AND position_from <= ${last}),
    charged AS (SELECT DISTINCT provider, resource_id AS provider_id FROM costs),
    changes (of, provider, kind, resource_id, tenant_id, deployment_id, position_from, position_to) AS (
      SELECT 'line', provider, kind, resource_id, tenant_id, NULL, position_from, position_to FROM costs
      UNION ALL
      SELECT 'deployment', NULL, NULL, NULL, NULL, deployment_id, position_from, position_to
      FROM deployment_assignments WHERE effective_from < ${period.end}
      UNION ALL
      SELECT ${ofResource}, position_from, position_to
      FROM resource_sightings JOIN charged USING (provider, provider_id)
      WHERE seen_at < ${period.end}
      UNION ALL
      SELECT ${ofResource}, position_from, position_to
      FROM resource_corrections JOIN charged USING (provider, provider_id)
      WHERE effective_from < ${period.end})
    SELECT DISTINCT p AS position, of, provider, kind, resource_id, tenant_id, deployment_id
    FROM changes v, unnest(ARRAY[v.position_from, v.position_to]) p
    WHERE p BETWEEN ${first} AND ${last}`.execute(db);
  return rows;
}

/** A cost line, and the known details of its resource and tenant. */
export type NamedCostLine = CostLineRow & {
  readonly resource_name: string | null;
  readonly resource_kind: string | null;
  readonly details_ref: string | null;
};

/** Cost lines whose charge period starts within a period, by provider, invoice and line. */
export async function readNamedCostLines(
  db: Db,
  position: number,
  { start, end }: Period,
  { after, limit }: Rows,
): Promise<NamedCostLine[]> {
  // Lines in force and superseded lines have an index each.
  const page = (where: RawBuilder<unknown>): RawBuilder<unknown> => sql`(
    SELECT * FROM cost_lines
    WHERE ${where} AND position_from <= ${position} AND charge_period_start >= ${start} AND charge_period_start < ${end}
      AND ${COST_LINE_ORDER.after(after)}
    ORDER BY ${COST_LINE_ORDER.order()} LIMIT ${limit})`;
  const { rows } = await sql<NamedCostLine>`
    SELECT c.*, r.name AS resource_name, r.kind AS resource_kind, t.details_ref
    FROM (${page(sql`position_to IS NULL`)} UNION ALL ${page(sql`position_to > ${position}`)}) c
    LEFT JOIN resources r ON r.provider = c.provider AND r.provider_id = c.resource_id AND ${at(position, 'r')}
    LEFT JOIN tenants t ON t.tenant_id = c.tenant_id AND ${at(position, 't')}
    ORDER BY ${COST_LINE_ORDER.order('c')} LIMIT ${limit}`.execute(db);
  return rows;
}
