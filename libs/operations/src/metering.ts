import { z } from 'zod';
import { invalid } from '#domain/errors';
import type { LedgerEvent } from '#domain/events';
import {
  METERED_BILLING_KINDS,
  METERED_DAYS_STREAM,
  meterDay,
  METERING_GRANULARITIES,
  type MeteredReading,
  meteringStream,
  type SkippedResource,
} from '#domain/metering/metering';
import { zDate, zId, zInstant } from '#domain/schema';
import { instant } from '#domain/time/instant';
import { contains, dayOf, intersection, monthOf, type Period } from '#domain/time/period';
import { packed, usageMonth, usageStream } from '#domain/usage/usage';
import type { UsageRecordRow } from '#projections/usage-records/usage-records.table';
import { timelinesOf } from '#billing/inventory/timelines';
import { keyOfRow, knownReadings } from '#billing/usage/known-usage';
import { fromLog, prunedOfMonth } from '#billing/usage/pruned-usage';
import { type Overlapping, unmeteredText } from '#billing/usage/usage-overlaps';
import { writeUsage } from '#billing/usage/usage-writer';
import { canonicalJson, type CommandCall, type CommandDone, stepOf } from '#ledger/command';
import { defineCommand } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { defineQuery, STAFF, zAsOf } from '#ledger/query';
import { readDeployments } from '#projections/deployments/deployments.read';
import { readMeteredDays, readMeteringConfigurations } from '#projections/metering/metering.read';
import { readMeteredRecords } from '#projections/usage-records/usage-records.read';
import { listOf } from './answers.js';
import type { Operations } from './declared.js';
import { APRIL } from './story.js';

const configureMetering = defineCommand({
  name: 'configure-metering',
  summary: 'Sets the granularity of metering and the retention of raw records for a billing kind, from an instant on',
  fields: z.strictObject({
    billingKind: zId,
    granularity: z.enum(METERING_GRANULARITIES),
    retentionDays: z.int().positive().optional(),
    from: zInstant,
  }),
  key: ({ billingKind, from }) => [billingKind, from],
  example: { billingKind: 'droplet_hours', granularity: 'day', from: APRIL.start },
  async handle(call, core) {
    const { billingKind, granularity, retentionDays, from } = call.fields;
    // For a kind that is not metered here, only retention can be configured.
    if (!METERED_BILLING_KINDS.includes(billingKind) && retentionDays === undefined)
      throw invalid(
        'unmetered_billing_kind',
        `${billingKind} is not metered from the inventory. Give retentionDays, or one of these billing kinds: ` +
          METERED_BILLING_KINDS.join(', '),
        [{ field: 'billingKind', message: 'is not metered from the inventory' }],
      );
    return core.book.decide(meteringStream(billingKind), call, () => ({
      events: [
        { type: 'MeteringConfigured', data: { billingKind, granularity, retentionDays: retentionDays ?? null, from } },
      ],
    }));
  },
});

/** The result of run-metering. */
export const zMetered = z.object({ count: z.int() });

const runMetering = defineCommand({
  name: 'run-metering',
  summary: 'Meters a UTC day from the inventory. Again: records only what changed since',
  fields: z.strictObject({ date: zDate }),
  key: 'none',
  example: { date: '2026-04-02' },
  async handle(call, core) {
    const { date } = call.fields;
    const day = dayOf(instant(`${date}T00:00:00Z`));
    const { readings, skipped: unmetered } = await meteredFrom(core, day);
    // The last append, which marks the day, records the key of the command.
    const step = stepOf(call);
    // First, as a day's reading and those of its hours exclude each other.
    const withdrawn = await withdraw(core, step, day, readings);
    const written = await writeReadings(core, step, readings);
    const skipped = [...unmetered, ...written.skipped];
    const count = readings.length - written.overlapping;
    const result = {
      date,
      count,
      accepted: written.accepted,
      corrected: written.corrected + withdrawn.count,
      skipped: skipped.map(({ provider, providerId, reason }) => ({ provider, providerId, reason })),
    };
    const marked = await markDay(core, call, { date, recordCount: count, skipped }, result);
    const changed = written.accepted + written.corrected + withdrawn.count > 0 || marked.status === 'done';
    const position = marked.position ?? written.position ?? withdrawn.position;
    return {
      status: changed ? 'done' : 'unchanged',
      ...(position === null ? {} : { position }),
      result,
    };
  },
});

/** The readings of a day, from the inventory and configuration known now. */
async function meteredFrom(core: LedgerCore, day: Period): Promise<ReturnType<typeof meterDay>> {
  const position = await core.projector.catchUp();
  const resources = await timelinesOf(core, position, { before: day.end });
  const configured = await readMeteringConfigurations(core.db, position);
  const configurations = configured.map((row) => ({
    billingKind: row.billing_kind,
    granularity: row.granularity,
    retentionDays: row.retention_days,
    from: row.effective_from,
  }));
  const registered = await readDeployments(core.db, position, null);
  return withoutUnknown(
    meterDay(day, resources, configurations),
    new Set(registered.map(({ deployment_id }) => deployment_id)),
  );
}

interface Written {
  readonly accepted: number;
  readonly corrected: number;
  /** How many readings were left out: others recorded the day by its other granularity. */
  readonly overlapping: number;
  /** Their resources. */
  readonly skipped: readonly SkippedResource[];
  readonly position: number | null;
}

async function writeReadings(
  core: LedgerCore,
  step: CommandCall,
  readings: readonly MeteredReading[],
): Promise<Written> {
  let written: Written = { accepted: 0, corrected: 0, overlapping: 0, skipped: [], position: null };
  for (const [deploymentId, group] of Map.groupBy(readings, (reading) => reading.deploymentId)) {
    const done = await writeUsage(core, step, {
      deploymentId,
      observations: group.map(({ observation }) => observation),
      origin: 'metering',
      reason: 're-metered',
    });
    written = {
      accepted: written.accepted + done.accepted,
      corrected: written.corrected + done.corrected,
      overlapping: written.overlapping + done.overlapping.length,
      skipped: [...written.skipped, ...unmeteredOf(done.overlapping)],
      position: done.position ?? written.position,
    };
  }
  return written;
}

/** The resources of readings that were left out, each once. */
function unmeteredOf(overlapping: readonly Overlapping[]): SkippedResource[] {
  const byResource = new Map(
    overlapping.map(({ observation: { provider = '', resourceId, billingKind }, other }) => [
      canonicalJson([provider, resourceId, billingKind]),
      { provider, providerId: resourceId, kind: billingKind, reason: unmeteredText(billingKind, other) },
    ]),
  );
  return [...byResource.values()];
}

/**
 * Leaves out readings of unregistered deployments (a typo in a resource) and reports them. They are metered once the
 * deployment is registered.
 */
function withoutUnknown(
  { readings, skipped }: ReturnType<typeof meterDay>,
  registered: ReadonlySet<string>,
): ReturnType<typeof meterDay> {
  const unknown = new Map(
    readings.flatMap(({ deploymentId, observation: { provider = '', resourceId, billingKind } }) =>
      registered.has(deploymentId)
        ? []
        : [
            [
              `${provider}/${resourceId}`,
              {
                provider,
                providerId: resourceId,
                kind: billingKind,
                reason: `deployment ${deploymentId} is not registered`,
              },
            ],
          ],
    ),
  );
  return {
    readings: readings.filter(({ deploymentId }) => registered.has(deploymentId)),
    skipped: [...skipped, ...unknown.values()],
  };
}

/**
 * Whether a metered record no longer matches the day. A record corrected by others stays as it is, unless the same
 * resource is metered under another key: it would be counted twice.
 */
function staleness(readings: readonly MeteredReading[]): (row: UsageRecordRow) => boolean {
  const expected = new Set(
    readings.map(({ deploymentId, observation: { quantity: _quantity, ...key } }) =>
      canonicalJson([deploymentId, key]),
    ),
  );
  const byResource = Map.groupBy(readings, ({ observation: { provider, resourceId } }) =>
    canonicalJson([provider, resourceId]),
  );
  return (row) => {
    const key = keyOfRow(row);
    if (expected.has(canonicalJson([row.deployment_id, key]))) return false;
    if (row.corrected_by === null || row.corrected_by === 'metering') return true;
    const others = byResource.get(canonicalJson([key.provider, key.resourceId])) ?? [];
    return others.some(({ observation }) => intersection(observation.period, key.period) !== null);
  };
}

interface Withdrawn {
  readonly count: number;
  readonly position: number | null;
}

/**
 * Withdraws metered records that no longer match the day: the deployment or granularity changed, or the resource is
 * gone.
 */
async function withdraw(
  core: LedgerCore,
  call: CommandCall,
  day: Period,
  readings: readonly MeteredReading[],
): Promise<Withdrawn> {
  const rows = await readMeteredRecords(core.db, day);
  const pruned = await fromLog(core, await prunedOfMonth(core, monthOf(day.start).start));
  rows.push(
    ...pruned.versions.filter(
      (row) => row.origin === 'metering' && row.position_to === null && contains(day, row.period_start),
    ),
  );
  const isStale = staleness(readings);
  let withdrawn: Withdrawn = { count: 0, position: null };
  for (const [deploymentId, group] of Map.groupBy(rows.filter(isStale), ({ deployment_id }) => deployment_id)) {
    const month = usageMonth(day.start);
    let count = 0;
    const done = await core.book.decideOnReadModels(usageStream(deploymentId, month), call, async () => {
      const stale = new Set(group.map((row) => canonicalJson(keyOfRow(row))));
      const known = [...(await knownReadings(core, deploymentId, group.map(keyOfRow))).values()].flat();
      const metered = known
        .filter(({ last, isWithdrawn }) => !isWithdrawn && stale.has(canonicalJson(keyOfRow(last))) && isStale(last))
        .map(({ last }) => ({ ...keyOfRow(last), quantity: null }));
      count = metered.length;
      return {
        events: packed(metered).map((corrections): LedgerEvent => ({
          type: 'UsageCorrected',
          data: { deploymentId, month, origin: 'metering', corrections, reason: 're-metered' },
        })),
      };
    });
    withdrawn = { count: withdrawn.count + count, position: done.position ?? withdrawn.position };
  }
  return withdrawn;
}

/** Records that the day was metered. Again only if the outcome changed. */
async function markDay(
  core: LedgerCore,
  call: CommandCall,
  { date, recordCount, skipped }: { date: string; recordCount: number; skipped: readonly SkippedResource[] },
  result: object,
): Promise<CommandDone> {
  return core.book.decideOnReadModels(METERED_DAYS_STREAM, call, async (position) => {
    const [known] = await readMeteredDays(core.db, position, [date]);
    const same = known?.record_count === recordCount && canonicalJson(known.skipped) === canonicalJson(skipped);
    return {
      events: same ? [] : [{ type: 'DayMetered', data: { date, recordCount, skipped: [...skipped] } }],
      result,
    };
  });
}

/** What could not be metered, and why. It has more fields. */
const zSkipped: z.ZodType<unknown, { readonly reason: string }> = z.looseObject({ reason: z.string() });

const zMeteredDay = z
  .object({ date: z.string(), recordCount: z.int(), skipped: z.array(zSkipped) })
  .meta({ id: 'MeteredDay' });

export const meteredDays = defineQuery({
  name: 'metered-days',
  summary: 'The metered days, with the number of records and the skipped resources',
  path: 'metered-days',
  params: zAsOf,
  roles: STAFF,
  answer: listOf(zMeteredDay),
  example: {},
  async handle(_params, { core, position }) {
    const rows = await readMeteredDays(core.db, position, null);
    return {
      items: rows.map((row) => ({ date: row.date, recordCount: row.record_count, skipped: row.skipped })),
      nextCursor: null,
    };
  },
});

export const meteringOperations: Operations = {
  commands: [configureMetering, runMetering],
  queries: [meteredDays],
};
