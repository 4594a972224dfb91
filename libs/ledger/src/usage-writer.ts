import type { LedgerEvent } from '#domain/events';
import { conflict, type FieldError, invalid } from '#domain/errors';
import {
  type Observation,
  packed,
  type ReadingKey,
  type UsageCorrection,
  usageMonth,
  type UsageOrigin,
  usageStream,
} from '#domain/usage/usage';
import type { UsageRecordRow } from '#projections/usage-records/usage-records.table';
import { canonicalJson, type CommandCall, stepOf } from './command.js';
import type { LedgerCore } from './ledger-core.js';

export interface UsageWritten {
  readonly accepted: number;
  readonly duplicate: number;
  readonly corrected: number;
  readonly position: number | null;
}

interface Indexed {
  readonly index: number;
  readonly observation: Observation;
}

/**
 * Appends readings of one deployment. Known ones append nothing. One with another body is refused, with all of its batch
 * (`usage_conflict`), or becomes a correction where `reason` is given. To decide, the batch's keys are looked up set-wise.
 */
export async function writeUsage(
  core: LedgerCore,
  call: CommandCall,
  deploymentId: string,
  observations: readonly Observation[],
  origin: UsageOrigin,
  reason?: string,
): Promise<UsageWritten> {
  const byMonth = Map.groupBy(
    observations.map((observation, index): Indexed => ({ observation, index })),
    ({ observation }) => usageMonth(observation.period.start),
  );
  if (reason === undefined) await refuseConflicts(core, deploymentId, [...byMonth.values()].flat());
  let written: UsageWritten = { accepted: 0, duplicate: 0, corrected: 0, position: null };
  const lastMonth = [...byMonth.keys()].at(-1);
  for (const [month, readings] of byMonth) {
    // The command's key goes with its last month: half done, it is done again.
    const step = month === lastMonth ? call : stepOf(call);
    const before = written;
    const done = await core.book.decideOnReadModels(usageStream(deploymentId, month), step, async () => {
      const { fresh, same, different } = await classify(core, deploymentId, readings);
      if (reason === undefined) refuse(different);
      const toCorrect = different.filter(({ known }) => mayReplace(known, origin));
      const events: LedgerEvent[] = [
        ...packed(fresh).map((batch): LedgerEvent => ({ type: 'UsageObserved', data: { deploymentId, month, origin, observations: batch } })),
        ...packed(toCorrect.map(({ observation, known }) => correctionOf(observation, known))).map(
          (corrections): LedgerEvent => ({ type: 'UsageCorrected', data: { deploymentId, month, origin, corrections, reason: reason ?? '' } }),
        ),
      ];
      // Of all months so far: with the last one the answer is recorded.
      const counts = {
        accepted: before.accepted + fresh.length,
        duplicate: before.duplicate + same + different.length - toCorrect.length,
        corrected: before.corrected + toCorrect.length,
      };
      return { events, result: counts };
    });
    written = { ...(done.result as Omit<UsageWritten, 'position'>), position: done.position ?? written.position };
  }
  return written;
}

/** What a person corrected stays as they said, however often the day is metered again. */
const mayReplace = (known: UsageRecordRow, origin: UsageOrigin): boolean => origin !== 'metering' || known.origin === 'metering';

async function refuseConflicts(core: LedgerCore, deploymentId: string, readings: readonly Indexed[]): Promise<void> {
  await core.projector.catchUp();
  refuse((await classify(core, deploymentId, readings)).different);
}

interface Different extends Indexed {
  readonly known: UsageRecordRow;
}

function refuse(different: readonly Different[]): void {
  if (different.length === 0) return;
  const errors = different.map(
    ({ index, observation, known }): FieldError => ({
      field: `observations[${index}]`,
      message:
        `${observation.billingKind} of ${observation.resourceId} over [${observation.period.start}, ${observation.period.end}) is recorded as` +
        ` ${known.quantity}, not ${observation.quantity}: use correct-usage`,
    }),
  );
  const message = `${different.length} of the observations contradict what is recorded; nothing was appended. ${errors[0]?.message ?? ''}`;
  throw conflict('usage_conflict', message, errors);
}

/** Sorts readings into new, known and contradicting ones. The same key twice in one batch must say the same. */
async function classify(
  core: LedgerCore,
  deploymentId: string,
  readings: readonly Indexed[],
): Promise<{ fresh: Observation[]; same: number; different: Different[] }> {
  const known = await recordsOf(core, deploymentId, readings.map(({ observation }) => observation));
  const inBatch = new Map<string, Observation>();
  const fresh: Observation[] = [];
  const different: Different[] = [];
  let same = 0;
  for (const { observation, index } of readings) {
    const record = matching(known, observation, index);
    const key = `${looseKey(observation)}|${observation.provider ?? ''}`;
    const earlier = inBatch.get(key);
    if (record !== undefined) {
      if (sameBody(record, observation)) same += 1;
      else different.push({ observation, index, known: record });
    } else if (earlier !== undefined) {
      if (canonicalJson(earlier) !== canonicalJson(observation))
        throw invalid('usage_conflict', `observations[${index}] contradicts another of the same batch: ${key}`, [
          { field: `observations[${index}]`, message: 'has the key of an earlier observation, and another body' },
        ]);
      same += 1;
    } else {
      inBatch.set(key, observation);
      fresh.push(observation);
    }
  }
  return { fresh, same, different };
}

const looseKey = (key: ReadingKey): string =>
  JSON.stringify([key.resourceId, key.billingKind, key.period.start, key.period.end, key.granularity, key.sourceId ?? '']);
const looseKeyOfRow = (row: UsageRecordRow): string =>
  JSON.stringify([row.resource_id, row.billing_kind, row.period_start, row.period_end, row.granularity, row.source_id]);

/** The records in force that have these readings' keys, by key without provider. */
export async function recordsOf(core: LedgerCore, deploymentId: string, keys: readonly ReadingKey[]): Promise<Map<string, UsageRecordRow[]>> {
  const { rows } = await core.pool.query<UsageRecordRow>({
    name: 'usage_records_by_key',
    text:
      'SELECT u.* FROM (SELECT DISTINCT * FROM unnest($2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[], $7::text[]))' +
      ' k(billing_kind, period_start, resource_id, period_end, granularity, source_id)' +
      ' JOIN usage_records u ON u.deployment_id = $1 AND u.billing_kind = k.billing_kind AND u.period_start = k.period_start' +
      ' AND u.resource_id = k.resource_id AND u.period_end = k.period_end AND u.granularity = k.granularity AND u.source_id = k.source_id' +
      ' WHERE u.position_to IS NULL',
    values: [
      deploymentId,
      keys.map(({ billingKind }) => billingKind),
      keys.map(({ period }) => period.start),
      keys.map(({ resourceId }) => resourceId),
      keys.map(({ period }) => period.end),
      keys.map(({ granularity }) => granularity),
      keys.map(({ sourceId }) => sourceId ?? ''),
    ],
  });
  return Map.groupBy(rows, looseKeyOfRow);
}

/** Two readings are one unless both name a provider and these differ; one that names none must not fit several. */
export function matching(known: ReadonlyMap<string, readonly UsageRecordRow[]>, key: ReadingKey, index: number): UsageRecordRow | undefined {
  const candidates = (known.get(looseKey(key)) ?? []).filter(({ provider }) => key.provider === undefined || provider === '' || provider === key.provider);
  const exact = candidates.find(({ provider }) => provider === (key.provider ?? ''));
  if (exact !== undefined) return exact;
  if (candidates.length > 1)
    throw invalid('ambiguous_provider', `observations[${index}]: ${candidates.length} providers have a resource ${key.resourceId}: name the provider`, [
      { field: `observations[${index}].provider`, message: `must be one of ${candidates.map(({ provider }) => provider).join(', ')}` },
    ]);
  return candidates[0];
}

function sameBody(record: UsageRecordRow, observation: Observation): boolean {
  const rateKey =
    record.resource_type === null ? null : { resourceType: record.resource_type, resourceFamily: record.resource_family, location: record.location };
  return (
    record.quantity === observation.quantity &&
    canonicalJson([rateKey, record.attributes, record.sub_attribution]) ===
      canonicalJson([observation.rateKey ?? null, observation.attributes ?? null, observation.subAttribution ?? null])
  );
}

const correctionOf = (observation: Observation, known: UsageRecordRow): UsageCorrection => ({
  ...keyOfRow(known),
  quantity: observation.quantity,
});

/** The key under which a record is stored: a correction names exactly that. */
export const keyOfRow = (row: UsageRecordRow): ReadingKey => ({
  ...(row.provider === '' ? {} : { provider: row.provider }),
  resourceId: row.resource_id,
  billingKind: row.billing_kind,
  period: { start: row.period_start, end: row.period_end },
  granularity: row.granularity as ReadingKey['granularity'],
  ...(row.source_id === '' ? {} : { sourceId: row.source_id }),
});
