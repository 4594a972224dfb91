import { z } from 'zod';
import { conflict, notFound } from '#domain/errors';
import { decimal, text } from '#domain/money/decimal';
import { zDecimal, zId, zText } from '#domain/schema';
import { tenancies, tenantAt } from '#domain/tenants/deployment';
import { FROM_EVER, type Instant } from '#domain/time/instant';
import { type Period, periodText } from '#domain/time/period';
import {
  incomingReading,
  type Observation,
  usageMonth,
  usageStream,
  zObservation,
  zReadingKey,
} from '#domain/usage/usage';
import type { UsageRecordRow } from '#projections/usage-records/usage-records.table';
import { ambiguousProvider, fitting, keyOfRow, knownWithExcluders } from '#billing/usage/known-usage';
import { Exclusions, overlapWith } from '#billing/usage/usage-overlaps';
import { namedReading } from '#billing/usage/compared-usage';
import { namings, type UsageWritten, writeUsage } from '#billing/usage/usage-writer';
import { confinedTo } from '#ledger/caller';
import type { CommandCall } from '#ledger/command';
import { defineCommand, WRITERS } from '#ledger/define-command';
import { foundDeployment } from '#ledger/deployment';
import type { LedgerCore } from '#ledger/ledger-core';
import { basisOf, overtaken } from '#ledger/overtaken';
import { within, withPruned } from '#billing/usage/pruned-usage';
import { zAny, zNextCursor, zQuantity, zSpan } from './answers.js';
import type { Operations } from './declared.js';
import { APRIL, DAY } from './story.js';
import { readAssignments } from '#projections/deployments/deployments.read';
import { readPrunedKinds } from '#projections/usage-records/pruned-usage.read';
import {
  asJsonb,
  readUsageByKind,
  readUsageRecordPage,
  USAGE_RECORD_ORDER,
  type VisibleUsage,
} from '#projections/usage-records/usage-records.read';
import {
  assertVisibleDeployment,
  defineQuery,
  IN_ORDER,
  inOrder,
  pageOfRows,
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
  summary: 'Records usage readings of a deployment',
  fields: z.strictObject({
    deploymentId: zId,
    observations: z
      .array(incomingReading(z.strictObject(zObservation.shape)))
      .min(1)
      .max(10_000),
  }),
  key: 'none',
  roles: [...WRITERS, 'ingest'],
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-usage'] },
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
    const written = await writeUsage(core, call, { deploymentId, observations, origin: 'command' });
    const { position, accepted, duplicate, corrected } = written;
    const counts = { accepted, duplicate, corrected, ...noticeOf(written) };
    // A known reading that only got its provider named counts as unchanged.
    if (position === null || counts.accepted + counts.corrected === 0) return { status: 'unchanged', result: counts };
    return { status: 'done', position, result: counts };
  },
});

/** Readings are observed again that were withdrawn or corrected. */
function noticeOf({ withdrawn, superseded }: Pick<UsageWritten, 'withdrawn' | 'superseded'>): { notice?: string } {
  const notices = [
    noticeOn(withdrawn, 'withdrawn', 'put a reading back, use correct-usage with its quantity'),
    noticeOn(superseded, 'corrected', 'correct a reading again, use correct-usage'),
  ].flat();
  return notices.length === 0 ? {} : { notice: notices.join(' ') };
}

function noticeOn([first, ...others]: readonly Observation[], what: string, remedy: string): string[] {
  if (first === undefined) return [];
  const { billingKind, resourceId, period } = first;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  return [
    `${billingKind} of ${resourceId} over ${periodText(period)}${more}: recorded and then ${what}. ` +
      `Nothing was recorded now. To ${remedy}.`,
  ];
}

const correctUsage = defineCommand({
  name: 'correct-usage',
  summary: 'Corrects the quantity of a reading. null withdraws it',
  fields: z.strictObject({
    deploymentId: zId,
    ...zReadingKey.shape,
    quantity: zDecimal.nullable(),
    reason: zText.min(1),
  }),
  key: 'body',
  mistakes: { correctedBy: ['correct-usage'] },
  example: { deploymentId: 'acme-prod', ...READING, quantity: '10', reason: 'the meter was reset' },
  async handle(call, core) {
    const { deploymentId, quantity, reason, ...key } = call.fields;
    await assertDeployment(core, call, deploymentId, [key]);
    const month = usageMonth(key.period.start);
    const basis = await basisOf(core, call);
    return core.book.decideOnReadModels(usageStream(deploymentId, month), call, async () => {
      const { known: ofKey, excluders } = await knownWithExcluders(core, deploymentId, [key]);
      const candidates = fitting([...ofKey.values()].flat(), key.provider ?? '');
      if (candidates.length > 1) throw ambiguousProvider('correct-usage', 'provider', key.resourceId, candidates);
      const [known] = candidates;
      if (known === undefined)
        throw notFound(
          'unknown_usage',
          `there is no ${key.billingKind} of ${key.resourceId} over ` +
            `[${key.period.start}, ${key.period.end}) to correct`,
        );
      const { last, isWithdrawn, holder } = known;
      if ((isWithdrawn ? null : last.quantity) === quantity) return { events: [] };
      const changedAt = last.position_to ?? last.position_from;
      if (changedAt > basis)
        throw overtaken(
          call,
          basis,
          `it ${isWithdrawn ? 'was withdrawn' : `became ${last.quantity}`} ` +
            `(position ${changedAt}; to see by whom, query events after=${changedAt - 1})`,
        );
      // A withdrawn reading comes back into force.
      const other = isWithdrawn ? new Exclusions(excluders, []).of({ ...key, ...keyOfRow(last) }) : undefined;
      if (other !== undefined) throw overlapWith(key, other);
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

/**
 * A confined token may only append usage of its own tenant, from when the deployment was assigned to it. Other
 * deployments are unknown to it.
 */
async function assertDeployment(
  core: LedgerCore,
  call: CommandCall,
  deploymentId: string,
  readings: readonly { readonly period: Period }[],
): Promise<void> {
  const tenantId = confinedTo(call.caller);
  if (tenantId === null && (await core.deployments.has(deploymentId))) return;
  const { assignments } = await foundDeployment(core, deploymentId);
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
    origin: zOrigin.describe('Where the record came from'),
    correctedBy: zOrigin.nullable().describe('Where the last correction came from'),
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
        'Months such as "2026-04" without their raw records, which were pruned. The query `usage` has the quantities',
      ),
  })
  .meta({ id: 'UsageRecordPage' });

/**
 * The usage that the caller may see. A confined caller sees usage of its deployments from when they were assigned to
 * it. null: all usage.
 */
async function visibleUsage(context: QueryContext, deploymentId: string | undefined): Promise<VisibleUsage[] | null> {
  if (deploymentId !== undefined) return visibleOf(context, deploymentId);
  return context.confinedTo === null ? null : ownUsage(context, context.confinedTo);
}

async function visibleOf(context: QueryContext, deploymentId: string): Promise<VisibleUsage[]> {
  await assertVisibleDeployment(context, deploymentId);
  if (context.confinedTo === null) return [{ deploymentId, period: { start: FROM_EVER, end: null } }];
  return (await ownUsage(context, context.confinedTo)).filter((each) => each.deploymentId === deploymentId);
}

/**
 * Usage of a tenant's deployments while they were assigned to it. `before`: usage before a deployment's first
 * assignment, from this instant on, counts as its first tenant's. null: as nobody's.
 */
export async function ownUsage(
  { core, position }: QueryContext,
  own: string,
  before: Instant | null = null,
): Promise<VisibleUsage[]> {
  const rows = await readAssignments(core.db, position, { tenantIds: [own] });
  return [...Map.groupBy(rows, ({ deployment_id }) => deployment_id)].flatMap(([deploymentId, assigned]) =>
    tenancies(assigned.map((row) => ({ tenantId: row.tenant_id, from: row.effective_from })))
      .map(({ tenantId, period }, index) => ({
        tenantId,
        period: index === 0 && before !== null ? { ...period, start: before } : period,
      }))
      .filter(({ tenantId }) => tenantId === own)
      .map(({ period }) => ({ deploymentId, period })),
  );
}

export const usageRecords = defineQuery({
  name: 'usage-records',
  summary: 'The usage records in force: one per deployment, resource, billing kind, period and granularity',
  path: 'usage-records',
  params: zPage
    .extend({ deploymentId: zOptionalId, billingKind: zOptionalId, resourceId: zOptionalId, ...zStretch })
    .refine(inOrder, IN_ORDER),
  roles: READERS,
  answer: zUsageRecords,
  example: { deploymentId: 'acme-prod', billingKind: 'gateway', ...APRIL },
  async handle(params, context) {
    const visible = await visibleUsage(context, params.deploymentId);
    const { core, position } = context;
    const page = await pageOfRows({
      order: USAGE_RECORD_ORDER,
      page: params,
      position,
      read: async (rows) => readUsageRecordPage(core.db, position, { ...params, visible }, rows),
      toItems: (rows) => rows.map(toRecord),
    });
    const pruned = await prunedOf(context, visible, params);
    return pruned.length === 0 ? page : { ...page, pruned };
  },
});

/**
 * The months among those asked for whose raw records were pruned. Errors: `usage_pruned`, if they were pruned after the
 * position: the records in force then can't be listed.
 */
async function prunedOf(
  { core, position }: QueryContext,
  visible: readonly VisibleUsage[] | null,
  asked: {
    readonly billingKind?: string | undefined;
    readonly start?: Instant | undefined;
    readonly end?: Instant | undefined;
  },
): Promise<string[]> {
  const deploymentIds = visible?.map(({ deploymentId }) => deploymentId) ?? null;
  const { billingKind, start, end } = asked;
  const rows = await readPrunedKinds(core.db, { deploymentIds, billingKind, start, end });
  const gone = rows.find(({ since }) => since > position);
  if (gone !== undefined)
    throw conflict(
      'usage_pruned',
      `raw records of ${gone.billing_kind} for ${gone.month} were pruned at position ${gone.since}, ` +
        `so those in force at position ${position} can't be listed. Ask for later months (start), for quantities ` +
        '(query usage), or for the events (query events stream=usage-<deployment>-<month>).',
    );
  return [...new Set(rows.map(({ month }) => month))];
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
  summary: 'Quantity by billing kind of one deployment for a period, in the form that a quote takes',
  path: 'usage',
  params: zAsOf.extend({ deploymentId: zId, ...zStretch }).refine(inOrder, IN_ORDER),
  roles: READERS,
  answer: z.record(z.string(), zQuantity).describe('Quantity by billing kind'),
  example: { deploymentId: 'acme-prod', ...APRIL },
  async handle(params, context) {
    const visible = await visibleOf(context, params.deploymentId);
    const { deploymentId, start, end } = params;
    const span = { deploymentId, billingKind: null, start: start ?? null, end: end ?? null };
    const { core, position } = context;
    const rows = await withPruned(core, [span], async (pruned) =>
      readUsageByKind(core.db, position, { visible, start, end, logged: asJsonb(within(pruned, span)) }),
    );
    return Object.fromEntries(rows.map((row) => [row.billing_kind, text(decimal(row.quantity))]));
  },
});

export const usageOperations: Operations = {
  commands: [observeUsage, correctUsage],
  queries: [usageRecords, usage],
};
