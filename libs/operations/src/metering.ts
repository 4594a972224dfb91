import { z } from 'zod';
import { canonicalJson } from '#domain/canonical-json';
import { invalid } from '#domain/errors';
import type { EventData, EventType, LedgerEvent, RecordedEvent } from '#domain/events';
import {
  completeUntil,
  type ConfigurationEvent,
  METERED_BILLING_KINDS,
  METERED_DAYS_STREAM,
  METERING_GRANULARITIES,
  type MeteredReading,
  meteringStream,
  reportedUntil,
  type SkippedResource,
  withdrawConfiguration,
} from '#domain/metering/metering';
import { zDate, zId, zInstant } from '#domain/schema';
import { instant, isBefore } from '#domain/time/instant';
import { contains, dayOf, monthOf, type Period } from '#domain/time/period';
import { packed, usageMonth, usageStream } from '#domain/usage/usage';
import { EventCodec } from '#event-store/codec';
import { timelinesOf } from '#billing/inventory/timelines';
import { DUE_REASONS, pendingDays, type PendingReading } from '#billing/metering/days-to-meter';
import { meteringOf, staleness } from '#billing/metering/metered-day';
import { keyOfRow, knownReadings } from '#billing/usage/known-usage';
import { fromLog, prunedOfMonth } from '#billing/usage/pruned-usage';
import { type Overlapping, unmeteredText } from '#billing/usage/usage-overlaps';
import { writeUsage } from '#billing/usage/usage-writer';
import { type CommandCall, type CommandDone, stepOf } from '#ledger/command';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { assertNotOvertaken, basisOf } from '#ledger/overtaken';
import { defineQuery, STAFF, zAsOf, zAt } from '#ledger/query';
import { readChangedDays, readMeteredDays } from '#projections/metering/metering.read';
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
  mistakes: { correctedBy: ['withdraw'] },
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ billingKind: zId, from: zInstant }),
    async handle(call, core, correction) {
      const basis = await basisOf(core, call);
      return core.book.decide(meteringStream(call.fields.billingKind), call, (events) => {
        const own = events.filter(isConfiguration);
        assertNotOvertaken(call, basis, own, ({ type, data }) =>
          'changedFrom' in data || data.from === call.fields.from ? `the metering changed (${type})` : null,
        );
        return { events: withdrawConfiguration(own, call.fields, correction) };
      });
    },
  }),
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

type RecordedConfiguration = Extract<RecordedEvent, ConfigurationEvent>;
const isConfiguration = (event: RecordedEvent): event is RecordedConfiguration =>
  event.type === 'MeteringConfigured' || event.type === 'MeteringCorrected';

/** The result of run-metering. */
export const zMetered = z.object({ count: z.int() });

export const runMetering = defineCommand({
  name: 'run-metering',
  summary: 'Meters a UTC day from the inventory. Again: records only what changed since',
  fields: z.strictObject({ date: zDate }),
  key: 'none',
  fourEyes: 'nothing',
  mistakes: { final: 'It follows from the inventory: correct the resource, and meter the day again.' },
  example: { date: '2026-04-02' },
  async handle(call, core) {
    const { date } = call.fields;
    const day = dayOf(instant(`${date}T00:00:00Z`));
    let metered = await meterOnce(core, call, day);
    // What changed the day in the meantime is not in its records, and may have found no metered day to mark.
    while (await hasChangedSince(core, metered, day)) {
      const { accepted, corrected, position: last, ...again } = await meterOnce(core, stepOf(call), day);
      metered = {
        ...again,
        accepted: metered.accepted + accepted,
        corrected: metered.corrected + corrected,
        position: last ?? metered.position,
      };
    }
    const { status, position, result, accepted, corrected } = metered;
    return {
      status: accepted + corrected > 0 ? 'done' : status,
      ...(position === null ? {} : { position }),
      result: { ...result, accepted, corrected },
    };
  },
});

/** What metering a day once did, and the log position that it read the inventory at. */
interface MeteredOnce {
  readonly inventoryAt: number;
  readonly accepted: number;
  readonly corrected: number;
  readonly status: CommandDone['status'];
  readonly position: number | null;
  readonly result: object;
  readonly skipped: readonly SkippedResource[];
}

const codec = new EventCodec();

async function meterOnce(core: LedgerCore, call: CommandCall, day: Period): Promise<MeteredOnce> {
  const date = day.start.slice(0, 10);
  const inventoryAt = await core.projector.catchUp();
  const resources = await timelinesOf(core, inventoryAt, { before: day.end });
  const { readings, skipped: unmetered } = (await meteringOf(core, inventoryAt, resources))(day);
  // The last append, which records the day, records the key of the command.
  const step = stepOf(call);
  // First, as a day's reading and those of its hours exclude each other.
  const withdrawn = await withdraw(core, step, day, readings);
  const written = await writeReadings(core, step, readings);
  const skipped = [...unmetered, ...written.skipped];
  const count = readings.length - written.overlapping;
  const changed = { accepted: written.accepted, corrected: written.corrected + withdrawn.count };
  const result = {
    date,
    count,
    ...changed,
    skipped: skipped.map(({ provider, providerId, reason }) => ({ provider, providerId, reason })),
  };
  const recorded = await recordDay(core, call, { date, recordCount: count, inventoryAt, skipped }, result);
  const position = recorded.position ?? written.position ?? withdrawn.position;
  return { inventoryAt, ...changed, status: recorded.status, position, result, skipped };
}

/** The events that may change what is metered of a day. */
const INVENTORY_EVENTS = [
  'ResourcesObserved',
  'ResourceRemoved',
  'ResourceSightingWithdrawn',
  'ResourceCorrected',
  'MeteringConfigured',
  'MeteringCorrected',
  'DeploymentRegistered',
] as const satisfies readonly EventType[];

/** Whether an event that was recorded since may change what is metered of a day. A listing of a later day does not. */
async function hasChangedSince(
  core: LedgerCore,
  { inventoryAt, skipped }: Pick<MeteredOnce, 'inventoryAt' | 'skipped'>,
  day: Period,
): Promise<boolean> {
  for await (const stored of core.log.readAll(inventoryAt, { types: INVENTORY_EVENTS })) {
    const { type, data } = codec.decode(stored);
    if (type === 'ResourcesObserved' && isBefore(data.seenAt, day.end)) return true;
    if ((type === 'ResourceRemoved' || type === 'ResourceSightingWithdrawn') && isBefore(data.at, day.end)) return true;
    if (type === 'DeploymentRegistered' && skipped.some(({ deploymentId }) => deploymentId === data.deploymentId))
      return true;
    if (type === 'MeteringCorrected' && data.changedFrom !== null && isBefore(data.changedFrom, day.end)) return true;
    if ((type === 'ResourceCorrected' || type === 'MeteringConfigured') && isBefore(data.from, day.end)) return true;
  }
  return false;
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
  const rows = await readMeteredRecords(core.db, await core.projector.position(), day);
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

/** Records that the day was metered. Again only if the outcome changed, or the day was to be metered again. */
async function recordDay(
  core: LedgerCore,
  call: CommandCall,
  day: EventData<'DayMetered'>,
  result: object,
): Promise<CommandDone> {
  const { date, recordCount, skipped } = day;
  return core.book.decideOnReadModels(METERED_DAYS_STREAM, call, async (position) => {
    const [known] = await readMeteredDays(core.db, position, [date]);
    const same = known?.record_count === recordCount && canonicalJson(known.skipped) === canonicalJson(skipped);
    const isDone = same && (await readChangedDays(core.db, position, { dates: [date] })).length === 0;
    return { events: isDone ? [] : [{ type: 'DayMetered', data: day }], result };
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

/** At most this many resources of a day are named. */
const MOST_RESOURCES = 20;

const zDayToMeter = z
  .object({
    date: z.string(),
    reason: z
      .enum(DUE_REASONS)
      .describe(
        'not_metered: never metered. changed_since: its inventory or configuration changed after it was metered',
      ),
    causes: z.array(z.string()).describe('What changed it'),
    readings: z.int().describe('Number of usage records that metering the day adds or corrects'),
    resources: z
      .array(
        z
          .object({ provider: z.string(), resourceId: z.string(), deploymentId: z.string(), billingKind: z.string() })
          .meta({ id: 'ResourceToMeter' }),
      )
      .describe(`The resources of these records, at most ${MOST_RESOURCES}`),
  })
  .meta({ id: 'DayToMeter' });

export const daysToMeter = defineQuery({
  name: 'days-to-meter',
  summary:
    'The complete UTC days until an instant (`at`) that must be metered, or metered again.' +
    ' Default: the days that the daily job may meter now',
  path: 'days-to-meter',
  params: zAsOf.extend(zAt),
  roles: STAFF,
  answer: listOf(zDayToMeter),
  example: {},
  async handle({ at }, { core, position, caller }) {
    const days = await pendingDays(core, position, at === undefined ? reportedUntil(caller.now) : completeUntil(at));
    return {
      items: days.map(({ date, reason, causes, readings }) => ({
        date,
        reason,
        causes: [...causes],
        readings: readings.length,
        resources: distinctResources(readings),
      })),
      nextCursor: null,
    };
  },
});

/** Each resource once. An hourly metered resource has up to 24 readings a day. */
const distinctResources = (readings: readonly PendingReading[]) =>
  [
    ...new Map(
      readings.map(({ provider, resourceId, deploymentId, billingKind }) => [
        canonicalJson([provider, resourceId, deploymentId, billingKind]),
        { provider, resourceId, deploymentId, billingKind },
      ]),
    ).values(),
  ].slice(0, MOST_RESOURCES);

export const meteringOperations: Operations = {
  commands: [configureMetering, runMetering],
  queries: [meteredDays, daysToMeter],
};
