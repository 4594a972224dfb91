import { type CostRate, costRateFor } from '#domain/margin/cost-rate';
import { mappingAt } from '#domain/margin/kind-mapping';
import { type Decimal, decimal, round } from '#domain/money/decimal';
import { tenantAt } from '#domain/tenants/deployment';
import { type Instant } from '#domain/time/instant';
import { boundsOf, contains, instantsIn, type OpenPeriod, type Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { readCostRates } from '#projections/cost-rates/cost-rates.read';
import { readBilledDays } from '#projections/costs/billed-days.read';
import { readAssignments } from '#projections/deployments/deployments.read';
import { readKindMappings } from '#projections/kind-mappings/kind-mappings.read';
import { readEstimatedUsage } from '#projections/usage-records/estimated-usage.read';
import { withPrunedWithin } from '../usage/pruned-usage.js';

/** Decimals of an estimate: a recorded quantity and a cost may have 60 each. */
const ESTIMATE_SCALE = 30;

/** What usage of a month is estimated to cost. */
export interface Estimate {
  /** null: nobody held the deployment. */
  readonly tenantId: string | null;
  readonly billingKind: string;
  /** Of the rate, or else of the reading. null: of any. */
  readonly provider: string | null;
  readonly quantity: Decimal;
  readonly amount: Decimal;
  /** The bill for this usage has come: the estimate counts for nothing but the variance. */
  readonly isBilled: boolean;
}

/**
 * What the usage of neighbouring UTC months is estimated to cost, by the cost rates in one currency. A bill has come
 * for usage that begins on a day that a cost line of usage charges, if its kind is mapped to the billing kind: of the
 * provider, or, where none is known, of any provider. Without rates it takes one statement.
 */
export async function estimatesIn(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
): Promise<readonly (readonly Estimate[])[]> {
  const { core, position } = context;
  const rates = await readCostRates(core.db, position);
  const [first, last] = [months[0], months.at(-1)];
  if (!rates.some(({ terms }) => terms.currency === currency) || first === undefined || last === undefined)
    return months.map(() => []);
  const bills = await billsOf(context, months, currency);
  const assigned = Map.groupBy(await readAssignments(core.db, position, null), ({ deployment_id }) => deployment_id);
  const within = { start: first.start, end: last.end };
  const instants = instantsIn(within, [
    ...months.map(({ start }) => start),
    ...rates.flatMap(({ period }) => boundsOf(period)),
    ...[...assigned.values()].flat().map(({ effective_from }) => effective_from),
    ...bills.changes,
  ]);
  const wanted = { billingKinds: [...new Set(rates.map(({ billingKind }) => billingKind))], within, instants };
  const usage = await withPrunedWithin(core, within, wanted.billingKinds, async (logged) =>
    readEstimatedUsage(core.db, position, wanted, logged),
  );
  return months.map((month) =>
    usage.flatMap((row): Estimate[] => {
      const at = instants[row.span - 1];
      if (at === undefined || !contains(month, at)) return [];
      const rate = rateOf(rates, row, at);
      // A closer rate in another currency counts there.
      if (rate?.terms.currency !== currency) return [];
      const assignments = (assigned.get(row.deployment_id) ?? []).map((each) => ({
        ...{ tenantId: each.tenant_id, from: each.effective_from },
      }));
      const provider = rate.provider ?? (row.provider === '' ? null : row.provider);
      const quantity = decimal(row.quantity);
      return [
        {
          ...{ tenantId: tenantAt(assignments, at), billingKind: row.billing_kind, provider, quantity },
          amount: round(quantity.times(decimal(rate.terms.unitCost)), ESTIMATE_SCALE),
          isBilled: bills.haveCome({ provider, billingKind: row.billing_kind, at }),
        },
      ];
    }),
  );
}

interface Used {
  /** null: not known. */
  readonly provider: string | null;
  readonly billingKind: string;
  readonly at: Instant;
}

/** The bills of months. `changes`: the instants at which it may change whether they have come. */
async function billsOf(
  { core, position }: QueryContext,
  months: readonly Period[],
  currency: string,
): Promise<{ readonly changes: readonly Instant[]; readonly haveCome: (used: Used) => boolean }> {
  const days = (await readBilledDays(core.db, position, { months, currency })).map(({ start_at, end_at, ...of }) => ({
    ...{ ...of, period: { start: start_at, end: end_at } },
  }));
  const mappings = days.length === 0 ? [] : await readKindMappings(core.db, position);
  const mappedTo = mappingAt(mappings);
  const periods: OpenPeriod[] = [...days, ...mappings].map(({ period }) => period);
  const haveCome = ({ provider, billingKind, at }: Used): boolean =>
    days.some(
      (each) =>
        (provider === null || each.provider === provider) &&
        contains(each.period, at) &&
        mappedTo(each, at).billingKinds.includes(billingKind),
    );
  // Usage of many deployments begins at the same few instants.
  const known = new Map<string, boolean>();
  return {
    changes: periods.flatMap(boundsOf),
    haveCome(used) {
      const key = JSON.stringify([used.provider, used.billingKind, used.at]);
      const answer = known.get(key) ?? haveCome(used);
      known.set(key, answer);
      return answer;
    },
  };
}

const rateOf = (
  rates: readonly CostRate[],
  row: { readonly billing_kind: string; readonly provider: string; readonly location: string },
  at: Instant,
): CostRate | null =>
  costRateFor(
    rates,
    {
      billingKind: row.billing_kind,
      provider: row.provider === '' ? null : row.provider,
      region: row.location === '' ? null : row.location,
    },
    at,
  );
