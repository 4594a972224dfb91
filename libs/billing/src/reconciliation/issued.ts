import { byMonth } from '#domain/margin/months';
import { type Decimal, decimal, integer, sum } from '#domain/money/decimal';
import type { Period } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { monthName } from '#projections/costs/charged.read';
import { type IssuedNet, readIssuedNet } from '#projections/invoices/issued-months.read';
import { readRevenueByTenant } from '#projections/margins/margins.read';

/** What invoices and credit notes bill of a month and tenant, and the revenue that is booked of it. */
export interface IssuedMonth {
  readonly tenantId: string;
  readonly currency: string;
  /** `2026-04` */
  readonly month: string;
  /** Without tax. */
  readonly issued: Decimal;
  readonly revenue: Decimal;
}

/** The issued rows of each tenant and month against its revenue. `of`: null for all months and currencies. */
export async function issuedMonths(
  { core, position }: Pick<QueryContext, 'core' | 'position'>,
  of: { readonly month: Period; readonly currency: string } | null,
): Promise<IssuedMonth[]> {
  const name = of === null ? null : monthName(of.month);
  const issued = Map.groupBy(
    (await readIssuedNet(core.db, position, of))
      .flatMap(dividedByMonth)
      .filter(({ month }) => month === (name ?? month)),
    keyOf,
  );
  const booked = await readRevenueByTenant(
    core.db,
    position,
    name === null ? null : { month: name, currency: of?.currency ?? '' },
  );
  const revenue = new Map(
    booked.map((row) => [keyOf({ tenantId: row.tenant_id, currency: row.currency, month: row.month }), row.amount]),
  );
  return [...new Set([...issued.keys(), ...revenue.keys()])].sort().map((key) => {
    const [tenantId = '', currency = '', month = ''] = JSON.parse(key) as string[];
    return {
      ...{ tenantId, currency, month },
      issued: sum((issued.get(key) ?? []).map(({ amount }) => amount)),
      revenue: decimal(revenue.get(key) ?? '0'),
    };
  });
}

interface Share {
  readonly tenantId: string;
  readonly currency: string;
  readonly month: string;
  readonly amount: Decimal;
}

const keyOf = ({ tenantId, currency, month }: Omit<Share, 'amount'>): string =>
  JSON.stringify([tenantId, currency, month]);

/** As revenue is booked: a row that crosses a month is divided by time. */
function dividedByMonth(row: IssuedNet): Share[] {
  const { tenant_id: tenantId, currency, month, charge_period_start: start, charge_period_end: end } = row;
  if (month !== null) return [{ tenantId, currency, month, amount: decimal(row.net) }];
  if (start === null || end === null) throw new Error('rows that must be divided have no charge period');
  const times = integer(row.rows);
  return byMonth(decimal(row.net), { start, end }, currency).map((share) => ({
    ...{ tenantId, currency, month: share.month },
    amount: share.amount.times(times),
  }));
}
