import { type CostRate, costRateFor } from '#domain/margin/cost-rate';
import { keyOfKind, mappingAt } from '#domain/margin/kind-mapping';
import { type Decimal, decimal, round } from '#domain/money/decimal';
import { tenantAt } from '#domain/tenants/deployment';
import { type Instant } from '#domain/time/instant';
import { boundsOf, contains, cutAt, instantsIn, type Period, spanOf } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { readCostRates } from '#projections/cost-rates/cost-rates.read';
import { readAssignments } from '#projections/deployments/deployments.read';
import { readKindMappings } from '#projections/kind-mappings/kind-mappings.read';
import { readProviderMonths } from '#projections/usage-months/provider-months.read';
import { readEstimatedUsage } from '#projections/usage-records/estimated-usage.read';
import { billedDays } from '../costs/kept-costs.js';
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
  const rates = await ratesIn(context, currency);
  const within = spanOf(months);
  if (rates.length === 0 || within === null) return months.map(() => []);
  const bills = await billsOf(context, months, currency);
  return estimated(context, { months, currency, rates, bills, within: [within] });
}

/**
 * The same of usage for which no bill has come. Usage is read from the first to the last instant of a month at which
 * the bill of a provider of that usage is missing: where all bills have come, none is.
 */
export async function openEstimatesIn(
  context: QueryContext,
  months: readonly Period[],
  currency: string,
): Promise<readonly (readonly Estimate[])[]> {
  const rates = await ratesIn(context, currency);
  if (rates.length === 0) return months.map(() => []);
  const bills = await billsOf(context, months, currency);
  const within = await openPeriods(context, { months, currency, rates, bills });
  const estimates = await estimated(context, { months, currency, rates, bills, within });
  return estimates.map((of) => of.filter(({ isBilled }) => !isBilled));
}

/** All cost rates, as a closer one in another currency counts; none if none is in this currency. */
async function ratesIn({ core, position }: QueryContext, currency: string): Promise<readonly CostRate[]> {
  const rates = await readCostRates(core.db, position);
  return rates.some(({ terms }) => terms.currency === currency) ? rates : [];
}

interface Estimated {
  readonly months: readonly Period[];
  readonly currency: string;
  readonly rates: readonly CostRate[];
  readonly bills: Bills;
}

const kindsOf = (rates: readonly CostRate[]): string[] => [...new Set(rates.map(({ billingKind }) => billingKind))];

/** The periods outside of which a bill has come for all usage with a rate. A month has one at most. */
async function openPeriods(
  { core, position }: QueryContext,
  { months, currency, rates, bills }: Estimated,
): Promise<Period[]> {
  const ofCurrency = rates.filter(({ terms }) => terms.currency === currency);
  const used = Map.groupBy(
    await readProviderMonths(core.db, position, { months, billingKinds: kindsOf(ofCurrency) }),
    ({ month }) => month,
  );
  const changes = [...bills.changes, ...ofCurrency.flatMap(({ period }) => boundsOf(period))];
  const open = months.flatMap((month) => {
    const isOpen = ({ start: at }: Period): boolean =>
      (used.get(month.start) ?? []).some(({ billing_kind: billingKind, provider }) => {
        const of = { billingKind, provider: orNull(provider) };
        return (
          !bills.haveCome({ ...of, at }) &&
          ofCurrency.some(
            (rate) =>
              rate.billingKind === billingKind &&
              (rate.provider === null || rate.provider === of.provider) &&
              contains(rate.period, at),
          )
        );
      });
    const span = spanOf(cutAt(month, changes).filter(isOpen));
    return span === null ? [] : [span];
  });
  return joined(open);
}

/** Periods in order, neighbouring ones as one. */
function joined(periods: readonly Period[]): Period[] {
  const found: Period[] = [];
  for (const { start, end } of periods) {
    const last = found.at(-1);
    if (last?.end === start) found.splice(-1, 1, { start: last.start, end });
    else found.push({ start, end });
  }
  return found;
}

/** The estimates for usage that begins within some periods, in their order. */
async function estimated(
  { core, position }: QueryContext,
  { months, currency, rates, bills, within }: Estimated & { readonly within: readonly Period[] },
): Promise<readonly (readonly Estimate[])[]> {
  const whole = spanOf(within);
  if (whole === null) return months.map(() => []);
  const assigned = Map.groupBy(await readAssignments(core.db, position, null), ({ deployment_id }) => deployment_id);
  const instants = instantsIn(whole, [
    whole.start,
    ...months.map(({ start }) => start),
    ...rates.flatMap(({ period }) => boundsOf(period)),
    ...[...assigned.values()].flat().map(({ effective_from }) => effective_from),
    ...bills.changes,
  ]);
  const wanted = { billingKinds: kindsOf(rates), within, instants };
  const usage = await withPrunedWithin(core, whole, wanted.billingKinds, async (logged) =>
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
      const provider = rate.provider ?? orNull(row.provider);
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

/** Rows have '' for what is not given. */
const orNull = (text: string): string | null => (text === '' ? null : text);

interface Used {
  /** null: not known. */
  readonly provider: string | null;
  readonly billingKind: string;
  readonly at: Instant;
}

/** The bills of months. */
interface Bills {
  /** The instants at which it may change whether they have come. */
  readonly changes: readonly Instant[];
  readonly haveCome: (used: Used) => boolean;
}

async function billsOf(context: QueryContext, months: readonly Period[], currency: string): Promise<Bills> {
  const days = await billedDays(context, months, currency);
  const mappings = days.length === 0 ? [] : await readKindMappings(context.core.db, context.position);
  const mappedTo = mappingAt(mappings);
  const mapped = Map.groupBy(mappings, keyOfKind);
  const billed = days.flatMap(({ start_at: start, end_at: end, ...of }) =>
    cutAt(
      { start, end },
      (mapped.get(keyOfKind(of)) ?? []).flatMap(({ period }) => boundsOf(period)),
    ).flatMap((period) =>
      mappedTo(of, period.start).billingKinds.map((billingKind) => ({ ...of, billingKind, period })),
    ),
  );
  const byKind = Map.groupBy(billed, ({ billingKind }) => billingKind);
  const haveCome = ({ provider, billingKind, at }: Used): boolean =>
    (byKind.get(billingKind) ?? []).some(
      (each) => (provider === null || each.provider === provider) && contains(each.period, at),
    );
  // Usage of many deployments begins at the same few instants.
  const known = new Map<string, boolean>();
  return {
    changes: billed.flatMap(({ period }) => boundsOf(period)),
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
      provider: orNull(row.provider),
      region: orNull(row.location),
    },
    at,
  );
