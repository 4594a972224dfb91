import { z } from 'zod';
import { conflict, notFound } from '#domain/errors';
import { decimal, text } from '#domain/money/decimal';
import { zDecimal, zId, zText } from '#domain/schema';
import { deploymentStream, tenancies, tenantAt } from '#domain/tenants/deployment';
import { FROM_EVER, type Instant, isInstant } from '#domain/time/instant';
import type { OpenPeriod, Period } from '#domain/time/period';
import { usageMonth, usageStream, zObservation, zReadingKey } from '#domain/usage/usage';
import { usageRecords as usageRecordsTable, type UsageRecordRow } from '#projections/usage-records/usage-records.table';
import { inForce } from '#read-model/table';
import { ambiguousProvider, fitting, keyOfRow, knownReadings } from '#billing/usage/known-usage';
import { namedReading, namings, writeUsage } from '#billing/usage/usage-writer';
import { confinedTo } from '#ledger/caller';
import type { CommandCall } from '#ledger/command';
import { defineCommand, WRITERS } from '#ledger/define-command';
import { deploymentOf } from '#ledger/deployment';
import { inForceAt, type LedgerCore } from '#ledger/ledger-core';
import { basisOf, overtaken } from '#ledger/overtaken';
import { asJsonb, recordsInForce, within, withPruned } from '#billing/usage/pruned-usage';
import { zAny, zNextCursor, zQuantity, zSpan } from './answers.js';
import { APRIL, DAY } from './story.js';
import {
  assertVisibleDeployment,
  decodeCursor,
  defineQuery,
  IN_ORDER,
  inOrder,
  invalidCursor,
  pageOf,
  type QueryContext,
  READERS,
  zAsOf,
  zOptionalId,
  zPage,
  zStretch,
} from '#ledger/query';

const READING = { resourceId: 'gw-1', billingKind: 'gateway', period: DAY, granularity: 'day' as const };

export const observeUsage = defineCommand({
  name: 'observe-usage',
  summary: 'Records readings of a deployment',
  fields: z.strictObject({
    deploymentId: zId,
    observations: z.array(z.strictObject(zObservation.shape)).min(1).max(10_000),
  }),
  key: 'none',
  roles: [...WRITERS, 'ingest'],
  example: {
    deploymentId: 'acme-prod',
    observations: [
      { ...READING, quantity: '8' },
      { ...READING, billingKind: 'zones', quantity: '1' },
    ],
  },
  async handle(call, core) {
    const { deploymentId, observations } = call.fields;
    await assertDeployment(core, call, deploymentId, observations);
    const { position, ...counts } = await writeUsage(core, call, deploymentId, observations, 'command');
    // A reading that was known stays known where only its provider is named now.
    if (position === null || counts.accepted + counts.corrected === 0) return { status: 'unchanged', result: counts };
    return { status: 'done', position, result: counts };
  },
});

export const correctUsage = defineCommand({
  name: 'correct-usage',
  summary: 'Corrects the quantity of a reading; null withdraws it',
  fields: z.strictObject({
    deploymentId: zId,
    ...zReadingKey.shape,
    quantity: zDecimal.nullable(),
    reason: zText.min(1),
  }),
  key: 'body',
  example: { deploymentId: 'acme-prod', ...READING, quantity: '10', reason: 'the meter was reset' },
  async handle(call, core) {
    const { deploymentId, quantity, reason, ...key } = call.fields;
    await assertDeployment(core, call, deploymentId, [key]);
    const month = usageMonth(key.period.start);
    const basis = await basisOf(core, call);
    return core.book.decideOnReadModels(usageStream(deploymentId, month), call, async () => {
      const readings = [...(await knownReadings(core, deploymentId, [key])).values()].flat();
      const candidates = fitting(readings, key.provider ?? '');
      if (candidates.length > 1) throw ambiguousProvider('correct-usage', 'provider', key.resourceId, candidates);
      const [known] = candidates;
      if (known === undefined)
        throw notFound(
          'unknown_usage',
          `there is no ${key.billingKind} of ${key.resourceId} over [${key.period.start}, ${key.period.end}) to correct`,
        );
      const { last, isWithdrawn, holder } = known;
      if ((isWithdrawn ? null : last.quantity) === quantity) return { events: [] };
      const changedAt = last.position_to ?? last.position_from;
      if (changedAt > basis)
        throw overtaken(
          call,
          basis,
          `it ${isWithdrawn ? 'was withdrawn' : `became ${last.quantity}`} (position ${changedAt}; query events after=${changedAt - 1} says by whom)`,
        );
      const named = holder === '' && key.provider !== undefined ? [namedReading(key, key.provider)] : [];
      const correction = { ...keyOfRow(last), quantity };
      return {
        events: [
          ...namings(deploymentId, month, named),
          {
            type: 'UsageCorrected',
            data: { deploymentId, month, origin: 'command', corrections: [correction], reason },
          },
        ],
      };
    });
  },
});

/** Deployments that were found, by ledger: a deployment that is registered once, stays so. */
const registered = new WeakMap<LedgerCore, Set<string>>();

/** An ingest token appends what its own tenant used: readings of when the deployment was theirs. Another's is as if it did not exist. */
async function assertDeployment(
  core: LedgerCore,
  call: CommandCall,
  deploymentId: string,
  readings: readonly { readonly period: Period }[],
): Promise<void> {
  const tenantId = confinedTo(call.caller);
  const known = registered.get(core) ?? new Set();
  registered.set(core, known);
  if (tenantId === null && known.has(deploymentId)) return;
  const { assignments } = deploymentOf(await core.book.load(deploymentStream(deploymentId)), deploymentId);
  known.add(deploymentId);
  if (tenantId !== null && readings.some(({ period }) => tenantAt(assignments, period.start) !== tenantId))
    throw notFound('unknown_deployment', `deployment ${deploymentId} is not registered`);
}

const zRateKeyOf = z
  .object({ resourceType: z.string(), resourceFamily: z.string(), location: z.string() })
  .meta({ id: 'RateKey' });
const zOrigin = z.enum(['command', 'metering', 'backfill']);

const zUsageRecord = z
  .object({
    deploymentId: z.string(),
    provider: z.string().nullable(),
    resourceId: z.string(),
    billingKind: z.string(),
    period: zSpan,
    granularity: z.enum(['hour', 'day', 'event']),
    sourceId: z.string().nullable(),
    quantity: zQuantity,
    rateKey: zRateKeyOf.nullable(),
    attributes: zAny.nullable(),
    subAttribution: zAny.nullable(),
    origin: zOrigin.describe('Who observed it'),
    correctedBy: zOrigin.nullable().describe('Who corrected it last'),
  })
  .meta({ id: 'UsageRecord' });

const zUsageRecords = z
  .object({
    items: z.array(zUsageRecord),
    nextCursor: zNextCursor,
    pruned: z
      .array(z.string())
      .optional()
      .describe(
        'Months of those asked for, such as "2026-04", of which raw records were pruned: these are not among the items, and `usage` still knows the quantities',
      ),
  })
  .meta({ id: 'UsageRecordPage' });

/** Whose usage a caller may see: a deployment, over a stretch of time; null: all. */
interface Visible {
  readonly deploymentId: string;
  readonly period: OpenPeriod;
}

/** A confined caller sees what their deployments used while these were theirs; another's deployment is as if it did not exist. */
async function visibleUsage(context: QueryContext, deploymentId: string | undefined): Promise<Visible[] | null> {
  if (deploymentId !== undefined) return visibleOf(context, deploymentId);
  return context.confinedTo === null ? null : ownUsage(context);
}

async function visibleOf(context: QueryContext, deploymentId: string): Promise<Visible[]> {
  await assertVisibleDeployment(context, deploymentId);
  if (context.confinedTo === null) return [{ deploymentId, period: { start: FROM_EVER, end: null } }];
  return (await ownUsage(context)).filter((each) => each.deploymentId === deploymentId);
}

async function ownUsage(context: QueryContext): Promise<Visible[]> {
  const rows = await context.core.db
    .selectFrom('deployment_assignments')
    .selectAll()
    .where(inForceAt(context.position))
    .orderBy('effective_from')
    .execute();
  return [...Map.groupBy(rows, ({ deployment_id }) => deployment_id)]
    .flatMap(([id, assigned]) =>
      tenancies(assigned.map((row) => ({ tenantId: row.tenant_id, from: row.effective_from }))).map((tenancy) => ({
        deploymentId: id,
        ...tenancy,
      })),
    )
    .filter(({ tenantId }) => tenantId === context.confinedTo);
}

/** As SQL: parameters $2 to $4 are the deployments, and the start and end of each one's stretch. */
const STRETCHES = 'unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) AS v(id, start_at, end_at)';
const VISIBLE =
  `($2::text[] IS NULL OR EXISTS (SELECT FROM ${STRETCHES}` +
  ' WHERE deployment_id = v.id AND period_start >= v.start_at AND (v.end_at IS NULL OR period_start < v.end_at)) AND deployment_id = ANY($2::text[]))';
const visibleParams = (visible: readonly Visible[] | null): unknown[] => [
  visible?.map(({ deploymentId }) => deploymentId) ?? null,
  visible?.map(({ period }) => period.start) ?? null,
  visible?.map(({ period }) => period.end) ?? null,
];

const KEY = [
  'deployment_id',
  'billing_kind',
  'period_start',
  'resource_id',
  'period_end',
  'granularity',
  'provider',
  'source_id',
] as const;

export const usageRecords = defineQuery({
  name: 'usage-records',
  summary: 'The observations in force: one row per deployment, resource, billing kind, period and granularity',
  path: 'usage-records',
  params: zPage
    .extend({ deploymentId: zOptionalId, billingKind: zOptionalId, resourceId: zOptionalId, ...zStretch })
    .refine(inOrder, IN_ORDER),
  roles: READERS,
  answer: zUsageRecords,
  example: { deploymentId: 'acme-prod', billingKind: 'gateway', ...APRIL },
  async handle(params, context) {
    const visible = await visibleUsage(context, params.deploymentId);
    const after = params.cursor === undefined ? null : cursorOf(params.cursor);
    const where =
      `${VISIBLE} AND ($5::text IS NULL OR billing_kind = $5) AND ($6::timestamptz IS NULL OR period_start >= $6)` +
      ' AND ($7::timestamptz IS NULL OR period_start < $7) AND ($8::text IS NULL OR resource_id = $8)' +
      (after === null
        ? ''
        : ` AND (${KEY.join(', ')}) > (${KEY.map((column, index) => `$${index + 10}::${usageRecordsTable.columns[column].type}`).join(', ')})`);
    const { rows } = await context.core.pool.query<UsageRecordRow>(
      `SELECT * FROM ${inForce(usageRecordsTable, '$1', where)} u ORDER BY ${KEY.join(', ')} LIMIT $9`,
      [
        context.position,
        ...visibleParams(visible),
        params.billingKind ?? null,
        params.start ?? null,
        params.end ?? null,
        params.resourceId ?? null,
        params.limit + 1,
        ...(after ?? []),
      ],
    );
    const page = pageOf(rows, params.limit, context.position, (row) => KEY.map((column) => row[column]), toRecord);
    const pruned = await prunedOf(context, visible, params);
    return pruned.length === 0 ? page : { ...page, pruned };
  },
});

/**
 * Of which months of those asked for raw records are kept no more. Errors: `usage_pruned` where they were, as of the position: what was
 * in force then can't be listed.
 */
async function prunedOf(
  { core, position }: QueryContext,
  visible: readonly Visible[] | null,
  {
    billingKind,
    start,
    end,
  }: { billingKind?: string | undefined; start?: Instant | undefined; end?: Instant | undefined },
): Promise<string[]> {
  const { rows } = await core.pool.query<{ month: string; billing_kind: string; since: number }>(
    "SELECT to_char(month AT TIME ZONE 'UTC', 'YYYY-MM') AS month, billing_kind, max(position_from) AS since FROM pruned_usage" +
      ' WHERE ($1::text[] IS NULL OR deployment_id = ANY($1)) AND ($2::text IS NULL OR billing_kind = $2)' +
      " AND ($3::timestamptz IS NULL OR month + interval '1 month' > $3) AND ($4::timestamptz IS NULL OR month < $4) GROUP BY 1, 2 ORDER BY 1, 2",
    [visible?.map(({ deploymentId }) => deploymentId) ?? null, billingKind ?? null, start ?? null, end ?? null],
  );
  const gone = rows.find(({ since }) => since > position);
  if (gone !== undefined)
    throw conflict(
      'usage_pruned',
      `raw records of ${gone.billing_kind} of ${gone.month} were pruned at position ${gone.since}: what was in force at position ${position} can't be listed any more.` +
        ' Ask for later months alone (start), for quantities (query usage), or for the readings themselves (query events stream=usage-<deployment>-<month>)',
    );
  return [...new Set(rows.map(({ month }) => month))];
}

/** The cursor's key, with as many values as the list's, of their kinds. */
function cursorOf(cursor: string): readonly string[] {
  const { after } = decodeCursor(cursor);
  const [, , start = '', , end = ''] = after;
  if (after.length !== KEY.length || !isInstant(start) || !isInstant(end)) throw invalidCursor();
  return after;
}

const toRecord = (row: UsageRecordRow) => ({
  deploymentId: row.deployment_id,
  provider: row.provider === '' ? null : row.provider,
  resourceId: row.resource_id,
  billingKind: row.billing_kind,
  period: { start: row.period_start, end: row.period_end },
  granularity: row.granularity,
  sourceId: row.source_id === '' ? null : row.source_id,
  quantity: text(decimal(row.quantity)),
  rateKey:
    row.resource_type === null || row.resource_family === null || row.location === null
      ? null
      : { resourceType: row.resource_type, resourceFamily: row.resource_family, location: row.location },
  attributes: row.attributes,
  subAttribution: row.sub_attribution,
  origin: row.origin,
  correctedBy: row.corrected_by,
});

export const usage = defineQuery({
  name: 'usage',
  summary: 'Quantity by billing kind of one deployment over a period: the shape that a quote takes',
  path: 'usage',
  params: zAsOf.extend({ deploymentId: zId, ...zStretch }).refine(inOrder, IN_ORDER),
  roles: READERS,
  answer: z.record(z.string(), zQuantity).describe('Quantity by billing kind'),
  example: { deploymentId: 'acme-prod', ...APRIL },
  async handle(params, context) {
    // Stretch by stretch, each by the index: as a condition on every row it cost more than adding the rows up.
    const visible = await visibleOf(context, params.deploymentId);
    const where =
      "deployment_id = v.id AND period_start >= coalesce($5::timestamptz, '-infinity') AND period_start < coalesce($6::timestamptz, 'infinity')" +
      " AND period_start >= v.start_at AND period_start < coalesce(v.end_at, 'infinity')";
    const stretch = {
      deploymentId: params.deploymentId,
      billingKind: null,
      start: params.start ?? null,
      end: params.end ?? null,
    };
    const { rows } = await withPruned(context.core, [stretch], async (pruned) =>
      context.core.pool.query<{ billing_kind: string; quantity: string }>(
        `SELECT u.billing_kind, sum(u.quantity) AS quantity FROM ${STRETCHES} CROSS JOIN LATERAL ${recordsInForce('$1', where, '$7')} u GROUP BY u.billing_kind ORDER BY u.billing_kind`,
        [
          context.position,
          ...visibleParams(visible),
          params.start ?? null,
          params.end ?? null,
          asJsonb(within(pruned, stretch)),
        ],
      ),
    );
    return Object.fromEntries(rows.map((row) => [row.billing_kind, text(decimal(row.quantity))]));
  },
});
