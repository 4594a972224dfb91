import type { Counted } from '#domain/margin/units';
import { decimal } from '#domain/money/decimal';
import type { Instant } from '#domain/time/instant';
import { boundsOf, contains, instantsIn, type OpenPeriod, type Period, spanOf } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { readRateUnits } from '#projections/rates/rates.read';
import { type MeteredUsage, readMeteredUsage } from '#projections/usage-records/metered-usage.read';
import { withPrunedWithin } from '../usage/pruned-usage.js';

/** The usage that begins in each of neighbouring UTC months, by billing kind and the unit that its rates name. */
export async function meteredIn({ core, position }: QueryContext, months: readonly Period[]): Promise<Counted[][]> {
  const within = spanOf(months);
  if (within === null) return [];
  const { unitAt, changes } = unitsOfKeys(await readRateUnits(core.db, position));
  const instants = instantsIn(within, [...months.map(({ start }) => start), ...changes]);
  const usage = await withPrunedWithin(core, within, undefined, async (logged) =>
    readMeteredUsage(core.db, position, { within, instants }, logged),
  );
  const found = usage.flatMap((row) => {
    const at = instants[row.span - 1];
    return at === undefined ? [] : [{ row, at }];
  });
  return months.map((month) =>
    found
      .filter(({ at }) => contains(month, at))
      .map(({ row, at }) => ({
        billingKind: row.billing_kind,
        unit: unitAt(row, at),
        quantity: decimal(row.quantity),
      })),
  );
}

type Key = Pick<MeteredUsage, 'resource_type' | 'resource_family' | 'location'>;
const keyOf = ({ resource_type: type, resource_family: family, location }: Key): string =>
  JSON.stringify([type, family, location]);

/** The units of rate keys. `changes`: the instants at which that of a key may change. */
function unitsOfKeys(rows: Awaited<ReturnType<typeof readRateUnits>>) {
  const byKey = new Map(
    [...Map.groupBy(rows, keyOf)].map(([key, of]) => [
      key,
      of.map(({ unit, effective_from: start, effective_until: end }): { unit: string | null; period: OpenPeriod } => ({
        unit,
        period: { start, end },
      })),
    ]),
  );
  return {
    changes: [...byKey.values()].flatMap((of) =>
      new Set(of.map(({ unit }) => unit)).size < 2 ? [] : of.flatMap(({ period }) => boundsOf(period)),
    ),
    unitAt: (key: Key, at: Instant): string | null => {
      const of = byKey.get(keyOf(key)) ?? [];
      const isOne = new Set(of.map(({ unit }) => unit)).size === 1;
      return (isOne ? of[0] : of.find(({ period }) => contains(period, at)))?.unit ?? null;
    },
  };
}
