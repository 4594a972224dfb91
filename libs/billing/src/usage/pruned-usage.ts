import type { RecordedEvent } from '#domain/events';
import { type Instant, isBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { type Observation, type Origin, type ReadingKey, usageStream } from '#domain/usage/usage';
import type { UsageProviderRow } from '#projections/usage-records/usage-records.table';
import type { LedgerCore } from '#ledger/ledger-core';
import { readPrunedWithin } from '#projections/usage-records/used-time.read';
import { readPrunedOfMonth } from '#projections/usage-records/pruned-usage.read';
import type { PrunedMonth, UsageSpan } from '#projections/usage-records/usage-records.lookups';
import { asJsonb, type RecordVersion } from '#projections/usage-records/usage-records.read';

/**
 * Raw records that were pruned from the read models. The log keeps their readings, in the stream of deployment and
 * month. The table has no record of a pruned month and kind, so a reading is never in both.
 */

/** The pruned records of a month, of any deployment. */
export const prunedOfMonth = async ({ db }: LedgerCore, month: Instant): Promise<PrunedMonth[]> =>
  readPrunedOfMonth(db, month);

/** The readings of pruned months, as the tables would have them. */
export interface FromLog {
  readonly versions: readonly RecordVersion[];
  readonly providers: readonly UsageProviderRow[];
}

export const NOTHING: FromLog = { versions: [], providers: [] };

/** Reads the streams of pruned months, each once for all its kinds. */
export async function fromLog(core: LedgerCore, months: readonly PrunedMonth[]): Promise<FromLog> {
  const found: FromLog[] = [];
  for (const group of Map.groupBy(months, ({ deploymentId, month }) => usageStream(deploymentId, month))) {
    const [stream, ofStream] = group;
    found.push(folded(await core.book.loadProjected(stream), new Set(ofStream.map(({ billingKind }) => billingKind))));
  }
  return {
    versions: found.flatMap(({ versions }) => versions),
    providers: found.flatMap(({ providers }) => providers),
  };
}

/**
 * Reads usage with `read`, together with readings that only the log has. It first reads as if nothing was pruned, and
 * looks up pruned months afterwards: records might have been pruned during the read.
 */
export const withPruned = async <Result>(
  core: LedgerCore,
  spans: readonly UsageSpan[],
  read: (pruned: FromLog, months: readonly PrunedMonth[]) => Promise<Result>,
): Promise<Result> => withPrunedMonths(core, async () => core.usage.prunedMonths(spans), read);

/** The same, of the pruned months that `prunedNow` finds. */
export async function withPrunedMonths<Result>(
  core: LedgerCore,
  prunedNow: () => Promise<readonly PrunedMonth[]>,
  read: (pruned: FromLog, months: readonly PrunedMonth[]) => Promise<Result>,
): Promise<Result> {
  for (let months: readonly PrunedMonth[] = []; ;) {
    const result = await read(months.length === 0 ? NOTHING : await fromLog(core, months), months);
    const now = await prunedNow();
    if (now.length === months.length) return result;
    months = now;
  }
}

/** The same, of a period and kinds (undefined: of any). `logged`: the readings that only the log has, as JSON. */
export const withPrunedWithin = async <Result>(
  core: LedgerCore,
  within: Period,
  billingKinds: readonly string[] | undefined,
  read: (logged: string) => Promise<Result>,
): Promise<Result> =>
  withPrunedMonths(
    core,
    async () => readPrunedWithin(core.db, within, billingKinds),
    async ({ versions }) => read(asJsonb(versions)),
  );

/** All versions of the readings of these kinds in a stream, in order of position, as the projection makes them. */
function folded(events: readonly RecordedEvent[], billingKinds: ReadonlySet<string>): FromLog {
  const histories = new Map<string, RecordVersion[]>();
  const providers: UsageProviderRow[] = [];
  const historyOf = (key: ReadingKey): RecordVersion[] => {
    const history = histories.get(keyText(key)) ?? [];
    histories.set(keyText(key), history);
    return history;
  };
  for (const event of events) {
    const { position, data, type } = event;
    if (type === 'UsageObserved')
      for (const observation of data.observations)
        if (billingKinds.has(observation.billingKind))
          historyOf(observation).push(observed(data, observation, position));
    if (type === 'UsageCorrected')
      for (const correction of data.corrections)
        if (billingKinds.has(correction.billingKind))
          correct(historyOf(correction), data.origin, correction.quantity, position);
    if (type === 'UsageProviderNamed')
      for (const reading of data.readings)
        if (billingKinds.has(reading.billingKind)) providers.push(named(data.deploymentId, reading, reading.provider));
  }
  return { versions: [...histories.values()].flat().sort((a, b) => a.position_from - b.position_from), providers };
}

const keyText = ({ billingKind, period, resourceId, granularity, provider, sourceId }: ReadingKey): string =>
  JSON.stringify([billingKind, period.start, resourceId, period.end, granularity, provider ?? '', sourceId ?? '']);

const observed = (
  { deploymentId, origin }: { deploymentId: string; origin: Origin },
  observation: Observation,
  position: number,
): RecordVersion => ({
  ...named(deploymentId, observation, observation.provider ?? ''),
  quantity: observation.quantity,
  origin,
  corrected_by: null,
  superseded_by: null,
  resource_type: observation.rateKey?.resourceType ?? null,
  resource_family: observation.rateKey?.resourceFamily ?? null,
  location: observation.rateKey?.location ?? null,
  attributes: observation.attributes ?? null,
  sub_attribution: observation.subAttribution ?? null,
  position_from: position,
  position_to: null,
});

const named = (
  deploymentId: string,
  { billingKind, period, resourceId, granularity, sourceId }: ReadingKey,
  provider: string,
): UsageProviderRow => ({
  deployment_id: deploymentId,
  billing_kind: billingKind,
  period_start: period.start,
  resource_id: resourceId,
  period_end: period.end,
  granularity,
  source_id: sourceId ?? '',
  provider,
});

/**
 * Closes the version in force and opens the next. A withdrawal opens none; after a withdrawal, the next version
 * follows from the last.
 */
function correct(versions: RecordVersion[], origin: Origin, quantity: string | null, position: number): void {
  const last = versions.pop();
  if (last === undefined) return;
  versions.push(last.position_to === null ? { ...last, position_to: position, superseded_by: origin } : last);
  if (quantity !== null)
    versions.push({
      ...last,
      quantity,
      corrected_by: origin,
      superseded_by: null,
      position_from: position,
      position_to: null,
    });
}

/** The versions of one deployment and kind (null: of any) that begin within a range. */
export const within = (
  { versions }: FromLog,
  { deploymentId, billingKind, start, end }: UsageSpan,
): readonly RecordVersion[] =>
  versions.filter(
    (row) =>
      row.deployment_id === deploymentId &&
      (billingKind === null || row.billing_kind === billingKind) &&
      (start === null || !isBefore(row.period_start, start)) &&
      (end === null || isBefore(row.period_start, end)),
  );
