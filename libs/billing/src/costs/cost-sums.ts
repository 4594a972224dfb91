import type { CostShare } from '#domain/margin/margin';
import { type Decimal, decimal, integer, ZERO } from '#domain/money/decimal';
import { FROM_EVER, isBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { type Charged, monthName, readCharged } from '#projections/costs/charged.read';
import type { QueryContext } from '#ledger/query';
import { attributionOf, type CostResource } from './cost-holders.js';

/** The sum of a month's cost shares that have all of these in common. */
export interface CostSum extends CostShare {
  readonly provider: string;
}

/** The cost without tax of each of these UTC months, summed, in the order of kinds. */
export async function computedSums(
  context: Pick<QueryContext, 'core' | 'position'>,
  months: readonly Period[],
  currency: string,
): Promise<CostSum[][]> {
  const charged = await readCharged(context.core.db, context.position, { months, currency });
  const attribute = await attributionOf(context, {
    resourceIds: new Set(charged.map((row) => row.resource_id).filter((id) => id !== null)),
    deploymentIds: charged.map((row) => row.deployment_id).filter((id) => id !== null),
  });
  const sums = new Map(months.map((month) => [monthName(month), { month, sums: new Sums() }]));
  for (const row of charged) {
    const whole = row.month === null ? undefined : sums.get(row.month)?.month;
    const cost = {
      amount: decimal(row.amount),
      currency,
      // A sum is charged in its whole month.
      chargePeriod: whole ?? chargePeriodOf(row),
      tenantId: row.tenant_id,
      resource: resourceOf(row),
    };
    for (const month of whole === undefined ? within(months, cost.chargePeriod) : [whole])
      for (const share of attribute(cost, month))
        sums.get(monthName(month))?.sums.add({ ...share, provider: row.provider, kind: row.kind }, row.lines);
  }
  return [...sums.values()].map(({ sums: of }) => of.all());
}

const within = (months: readonly Period[], { start, end }: Period): readonly Period[] =>
  months.filter((month) => isBefore(start, month.end) && isBefore(month.start, end));

function chargePeriodOf({ charge_period_start: start, charge_period_end: end }: Charged): Period {
  if (start === null || end === null) throw new Error('a cost line that must be divided has no charge period');
  return { start, end };
}

/** The resources of a sum were always in one state. */
function resourceOf({ month, provider, resource_id, deployment_id, owner_id }: Charged): CostResource {
  if (month === null) return resource_id === null ? null : { provider, resourceId: resource_id };
  const seen = { kind: '', status: '', sizeGb: null, deploymentId: deployment_id, tenantId: owner_id };
  return { sightings: [{ seenAt: FROM_EVER, position: 0, state: seen }], corrections: [] };
}

/** Adds shares of one month. */
class Sums {
  private readonly sums = new Map<string, CostSum>();

  add({ provider, kind, tenantId, deploymentId, amount }: CostSum, times: number): void {
    const key = JSON.stringify([kind, provider, tenantId, deploymentId]);
    const before = this.sums.get(key)?.amount ?? ZERO;
    this.sums.set(key, { provider, kind, tenantId, deploymentId, amount: before.plus(timesOf(amount, times)) });
  }

  all(): CostSum[] {
    return [...this.sums.values()];
  }
}

const timesOf = (amount: Decimal, times: number): Decimal => (times === 1 ? amount : amount.times(integer(times)));
