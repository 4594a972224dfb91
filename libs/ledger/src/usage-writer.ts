import type { LedgerEvent } from '#domain/events';
import { conflict, type FieldError, invalid } from '#domain/errors';
import { type Observation, packed, usageMonth, type UsageOrigin, usageStream } from '#domain/usage/usage';
import { canonicalJson, type CommandCall, stepOf } from './command.js';
import { type Body, bodyOf, bodyOfRow, finder, keyOfRow, type KnownReading, looseKey, mayBeOne, sameBody } from './known-usage.js';
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
  if (reason === undefined) await refuseConflicts(core, deploymentId, [...byMonth.values()].flat(), origin);
  let written: UsageWritten = { accepted: 0, duplicate: 0, corrected: 0, position: null };
  const lastMonth = [...byMonth.keys()].at(-1);
  for (const [month, readings] of byMonth) {
    // The command's key goes with its last month: half done, it is done again.
    const step = month === lastMonth ? call : stepOf(call);
    const before = written;
    const done = await core.book.decideOnReadModels(usageStream(deploymentId, month), step, async () => {
      const { fresh, same, different } = await classify(core, deploymentId, readings, origin);
      if (reason === undefined) refuse(different);
      const events: LedgerEvent[] = [
        ...packed(fresh).map((batch): LedgerEvent => ({ type: 'UsageObserved', data: { deploymentId, month, origin, observations: batch } })),
        ...packed(different.map(({ observation, known }) => ({ ...keyOfRow(known.last), quantity: observation.quantity }))).map(
          (corrections): LedgerEvent => ({ type: 'UsageCorrected', data: { deploymentId, month, origin, corrections, reason: reason ?? '' } }),
        ),
      ];
      // Of all months so far: with the last one the answer is recorded.
      const counts = {
        accepted: before.accepted + fresh.length,
        duplicate: before.duplicate + same,
        corrected: before.corrected + different.length,
      };
      return { events, result: counts };
    });
    written = { ...(done.result as Omit<UsageWritten, 'position'>), position: done.position ?? written.position };
  }
  return written;
}

async function refuseConflicts(core: LedgerCore, deploymentId: string, readings: readonly Indexed[], origin: UsageOrigin): Promise<void> {
  await core.projector.catchUp();
  refuse((await classify(core, deploymentId, readings, origin)).different);
}

interface Different extends Indexed {
  readonly known: KnownReading;
}

function refuse(different: readonly Different[]): void {
  if (different.length === 0) return;
  const errors = different.map(
    ({ index, observation, known }): FieldError => ({
      field: `observations[${index}]`,
      message:
        `${observation.billingKind} of ${observation.resourceId} over [${observation.period.start}, ${observation.period.end}) is recorded` +
        ` ${differenceText(known, observation)}: use correct-usage to change a quantity`,
    }),
  );
  const message = `${different.length} of the observations contradict what is recorded; nothing was appended. ${errors[0]?.message ?? ''}`;
  throw conflict('usage_conflict', message, errors);
}

/** Field by field, what is recorded and what is observed now: `with quantity 5, not 6`. */
function differenceText({ last, isWithdrawn }: KnownReading, observation: Observation): string {
  const [recorded, observed] = [bodyOfRow(last), bodyOf(observation)];
  const fields = (Object.keys(recorded) as (keyof Body)[]).filter((field) => canonicalJson(recorded[field]) !== canonicalJson(observed[field]));
  const differences = fields.map((field) => `with ${field} ${shown(recorded[field])}, not ${shown(observed[field])}`).join(', ');
  return isWithdrawn ? `and was withdrawn by a correction${differences === '' ? '' : ` (${differences})`}` : differences;
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : value === null ? 'none' : canonicalJson(value));

interface Sorted {
  readonly fresh: readonly Observation[];
  readonly same: number;
  readonly different: readonly Different[];
}

/** Sorts readings into new, known and contradicting ones. The same key twice in one batch must say the same. */
async function classify(core: LedgerCore, deploymentId: string, readings: readonly Indexed[], origin: UsageOrigin): Promise<Sorted> {
  const find = await finder(core, deploymentId, readings.map(({ observation }) => observation));
  const inBatch = new Map<string, Observation[]>();
  const fresh: Observation[] = [];
  const different: Different[] = [];
  let same = 0;
  for (const { observation, index } of readings) {
    const known = find(observation, index);
    const standing = known === undefined ? 'fresh' : standingOf(known, observation, origin);
    if (standing === 'same') same += 1;
    else if (standing === 'different' && known !== undefined) different.push({ observation, index, known });
    else {
      const key = looseKey(observation);
      const others = inBatch.get(key) ?? [];
      const earlier = others.find((other) => mayBeOne(other.provider ?? '', observation.provider ?? ''));
      if (earlier === undefined) {
        inBatch.set(key, [...others, observation]);
        fresh.push(observation);
      } else if (canonicalJson(bodyOf(earlier)) === canonicalJson(bodyOf(observation))) same += 1;
      else
        throw invalid('usage_conflict', `observations[${index}] contradicts another of the same batch: ${key}`, [
          { field: `observations[${index}]`, message: 'has the key of an earlier observation, and another body' },
        ]);
    }
  }
  return { fresh, same, different };
}

/**
 * What a reading is beside what is known of its key. One that was observed so before is known, whatever corrections have made of
 * it since. Metering follows the inventory, but what a person said stays: their observation, correction or withdrawal.
 */
function standingOf({ versions, last, isWithdrawn }: KnownReading, observation: Observation, origin: UsageOrigin): 'fresh' | 'same' | 'different' {
  if (origin !== 'metering') {
    const saidBefore = versions.some((version) => version.corrected_by === null && sameBody(version, observation));
    return saidBefore || (!isWithdrawn && sameBody(last, observation)) ? 'same' : 'different';
  }
  if (isWithdrawn) return last.superseded_by === 'metering' ? 'fresh' : 'same';
  const isMetered = last.origin === 'metering' && (last.corrected_by === null || last.corrected_by === 'metering');
  return !isMetered || sameBody(last, observation) ? 'same' : 'different';
}
