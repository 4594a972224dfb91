import { attributedShares } from '#domain/margin/attribution';
import { costRateFor } from '#domain/margin/cost-rate';
import { mappingAt } from '#domain/margin/kind-mapping';
import type { UnitCost } from '#domain/margin/units';
import { type Decimal, decimal, sum, ZERO } from '#domain/money/decimal';
import type { Instant } from '#domain/time/instant';
import { boundsOf, instantsIn, monthOf, overlaps, type Period, spanOf } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { readCostRates } from '#projections/cost-rates/cost-rates.read';
import { type BilledUse, readBilledUse } from '#projections/costs/billed-days.read';
import { readKindMappings } from '#projections/kind-mappings/kind-mappings.read';
import { dividedByKind } from '../costs/unit-economics.js';
import { type Estimate, estimatesIn } from './estimates.js';

/** Of usage of a billing kind in a month whose bill has come. Money of the currency that was asked for. */
export interface Variance {
  readonly billingKind: string;
  /** What was used. */
  readonly quantity: Decimal;
  /** What it was estimated to cost. */
  readonly estimate: Decimal;
  /** What the lines cost that end the estimate. */
  readonly actual: Decimal;
}

/** A billing kind in a month, with the estimates of it that have ended. */
interface Compared {
  readonly month: Period;
  readonly billingKind: string;
  readonly estimates: readonly Estimate[];
}

/**
 * What usage of neighbouring UTC months was estimated to cost, in one currency, and what the lines cost that end the
 * estimate: those that make up the billed days, of the providers whose usage was estimated (all, where none is known),
 * while a cost rate is in force for it and their kind is mapped to the billing kind. It does not matter who bears them,
 * or whether policies share them. `domain.md`, estimated cost.
 */
export async function variancesIn(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
): Promise<readonly (readonly Variance[])[]> {
  const estimates = await estimatesIn(context, months, currency);
  const compared = months.flatMap((month, index): Compared[] => {
    const billed = (estimates[index] ?? []).filter(({ isBilled }) => isBilled);
    return [...Map.groupBy(billed, ({ billingKind }) => billingKind)].map(([billingKind, own]) => ({
      ...{ month, billingKind, estimates: own },
    }));
  });
  const actuals = await actualsOf(context, compared, currency);
  const variances = compared.map(({ month, billingKind, estimates: own }, index) => ({
    ...{ month, billingKind, quantity: sum(own.map(({ quantity }) => quantity)) },
    ...{ estimate: sum(own.map(({ amount }) => amount)), actual: actuals[index] ?? ZERO },
  }));
  return months.map((month) => variances.filter((each) => each.month === month));
}

/** What the lines cost that end the estimates of each billing kind in a month. */
async function actualsOf(
  context: QueryContext,
  compared: readonly Compared[],
  currency: string,
): Promise<readonly Decimal[]> {
  const { core, position } = context;
  const months = [...new Set(compared.map(({ month }) => month))];
  const within = spanOf(months);
  if (within === null) return [];
  const rates = await readCostRates(core.db, position);
  const mappings = (await readKindMappings(core.db, position)).filter(({ period }) => overlaps(period, within));
  const mappedTo = mappingAt(mappings);
  // A line is divided by time where a month, a rate or a mapping begins or ends.
  const changes = [...months, ...[...rates, ...mappings].map(({ period }) => period)].flatMap(boundsOf);
  const instants = [...instantsIn(within, changes), within.end];
  const byResource = mappings.filter(({ billingKinds }) => billingKinds.length > 1);
  const rows = await readBilledUse(core.db, position, { months, currency }, { instants, byResource });
  const costs = Map.groupBy(
    rows.flatMap((row) => costsOf(row, { within, instants, currency })),
    ({ at }) => monthOf(at).start,
  );
  const regions = [null, ...new Set(rates.flatMap(({ region }) => (region === null ? [] : [region])))];
  // Lines name no region: a rate of any region will do. A closer rate in another currency counts there.
  const hasRate = (billingKind: string, provider: string | null, at: Instant): boolean =>
    regions.some((region) => costRateFor(rates, { billingKind, provider, region }, at)?.terms.currency === currency);
  // Most costs begin at the same few instants.
  const known = new Map<string, boolean>();
  const isRated = (...of: Parameters<typeof hasRate>): boolean => {
    const key = JSON.stringify(of);
    const answer = known.get(key) ?? hasRate(...of);
    known.set(key, answer);
    return answer;
  };
  const ending = compared.map(({ month, billingKind, estimates }) => {
    const providers = [...new Set(estimates.map(({ provider }) => provider))];
    const ends = (cost: UnitCost): boolean =>
      mappedTo(cost, cost.at).billingKinds.includes(billingKind) &&
      providers.some((each) => (each ?? cost.provider) === cost.provider && isRated(billingKind, each, cost.at));
    return { month, costs: (costs.get(month.start) ?? []).filter(ends) };
  });
  const divided = await dividedByKind(context, ending, { currency, mappedTo });
  return compared.map(({ billingKind }, index) =>
    sum((divided[index]?.kinds ?? []).filter((each) => each.billingKind === billingKind).map(({ direct }) => direct)),
  );
}

/** The shares of what lines charge, divided at the instants. Who bears them does not matter here. */
function costsOf(
  row: BilledUse,
  of: { readonly within: Period; readonly instants: readonly Instant[]; readonly currency: string },
): UnitCost[] {
  const { provider, kind, resource_id: resourceId, charge_period_start: start, charge_period_end: end } = row;
  const shares =
    start === null || end === null
      ? [{ amount: decimal(row.amount), at: of.instants[(row.span ?? 0) - 1] ?? of.within.start }]
      : attributedShares(
          {
            ...{ amount: decimal(row.amount), currency: of.currency, chargePeriod: { start, end } },
            ...{ tenantId: null, resource: null },
          },
          of.within,
          () => [],
          of.instants,
        );
  return shares.map(({ amount, at }) => ({
    ...{ provider, kind, amount, resourceId, at, isShared: false, isUnattributed: false, idle: null },
  }));
}
