import { canonicalJson } from '#domain/canonical-json';
import { conflict, type DomainError, type FieldError } from '#domain/errors';
import type { Observation } from '#domain/usage/usage';
import { type Body, bodyOf, bodyOfRow, type KnownReading, sameBody } from './known-usage.js';

/** A reading of a batch, and its place in it. */
export interface Indexed {
  readonly index: number;
  readonly observation: Observation;
}

/** A reading that differs from what is recorded under its key. */
export interface Different extends Indexed {
  readonly known: KnownReading;
}

/**
 * Without a reason all of them are conflicts. With one, only those that differ in a field which no correction changes.
 */
export const conflicting = (different: readonly Different[], reason: string | undefined): readonly Different[] =>
  reason === undefined
    ? different
    : different.filter(
        ({ observation, known }) => !sameBody({ ...known.last, quantity: observation.quantity }, observation),
      );

/** Errors: `usage_conflict`, with every conflicting reading. */
export function assertNoConflict(conflicts: readonly Different[]): void {
  if (conflicts.length === 0) return;
  const errors = conflicts.map((each): FieldError => ({
    field: `observations[${each.index}]`,
    message: conflictText(each),
  }));
  const first = errors[0]?.message ?? '';
  const message = `${conflicts.length} of the observations contradict what is recorded; nothing was appended. ${first}`;
  throw conflict('usage_conflict', message, errors);
}

/** A reading against what is recorded under its key. */
export const conflictWithRecord = (different: Pick<Different, 'observation' | 'known'>): DomainError =>
  conflict('usage_conflict', conflictText(different));

/** A reading against another reading of its key that is being recorded with it. */
export const conflictWithOther = (other: Observation, observation: Observation): DomainError =>
  conflict('usage_conflict', recordedText(observation, `with ${differences(bodyOf(other), bodyOf(observation))}`));

function conflictText({ observation, known }: Pick<Different, 'observation' | 'known'>): string {
  const { last, isWithdrawn } = known;
  const found = differences(bodyOfRow(last), bodyOf(observation));
  if (!isWithdrawn) return recordedText(observation, `with ${found}`);
  return recordedText(observation, `and was withdrawn by a correction${found === '' ? '' : ` (with ${found})`}`);
}

const recordedText = ({ billingKind, resourceId, period }: Observation, how: string): string =>
  `${billingKind} of ${resourceId} over [${period.start}, ${period.end}) is recorded ${how}:` +
  ' use correct-usage to change a quantity';

/** Field by field, what is recorded and what is observed now: `quantity 5, not 6`. */
const differences = (recorded: Body, observed: Body): string =>
  (Object.keys(recorded) as (keyof Body)[])
    .filter((field) => canonicalJson(recorded[field]) !== canonicalJson(observed[field]))
    .map((field) => `${field} ${shown(recorded[field])}, not ${shown(observed[field])}`)
    .join(', ');

const shown = (value: unknown): string =>
  typeof value === 'string' ? value : value === null ? 'none' : canonicalJson(value);
