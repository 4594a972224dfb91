import type { Kysely } from 'kysely';
import { readDeliveriesOf } from '#projections/costs/costs.read';
import type { ReadModels } from '#read-model/read-models';
import type { Delivery } from './delivery-writer.js';
import type { Comparison, Recorded } from './mode.js';

/** A delivery of the import, what is recorded of it, and how its files are compared with that. */
export interface Known {
  readonly of: Delivery;
  readonly recorded: Recorded;
  readonly comparison: Comparison;
}

/**
 * Deliveries that came in a file with one that is replaced now, and of which the new files have no row: a bill may have
 * charges of several sellers, and an account several billing profiles. They are numbered from `index` on.
 */
export async function vanishedFrom(
  db: Kysely<ReadModels>,
  known: readonly Known[],
  index: number,
): Promise<readonly (Known & { readonly with: Known })[]> {
  const replaced = known.filter(
    ({ recorded: { last }, comparison: { mode, isResumed } }) =>
      last !== undefined && !isResumed && (mode === null || mode === 'whole'),
  );
  if (replaced.length === 0) return [];
  const names = [...new Set(replaced.map(({ of }) => of.delivery))];
  const wholes = [...new Set(replaced.flatMap(({ of }) => of.partOf ?? []))];
  const read = await readDeliveriesOf(db, names, wholes);
  const delivered = new Set(known.map(({ of }) => JSON.stringify([of.provider, of.delivery])));
  return read
    .filter(({ provider, delivery }) => !delivered.has(JSON.stringify([provider, delivery])))
    .flatMap((last) => {
      const files = new Set(last.files.map(({ sha256 }) => sha256));
      const beside = replaced.find(
        ({ of, recorded }) =>
          mayComeWith(of, last.delivery) && recorded.last?.files.some(({ sha256 }) => files.has(sha256)) === true,
      );
      return beside === undefined ? [] : [{ last, beside }];
    })
    .map(({ last, beside }, n) => ({
      of: { ...beside.of, index: index + n, provider: last.provider, delivery: last.delivery },
      recorded: { last, names: [], files: [] },
      comparison: { ...beside.comparison, since: 0, known: [], isResumed: last.pending.length > 0 },
      with: beside,
    }));
}

const mayComeWith = ({ delivery, partOf }: Delivery, other: string): boolean =>
  other === delivery || (partOf !== null && (other === partOf || other.startsWith(`${partOf} `)));
