import type { FrozenRow } from '#domain/invoices/invoice';
import { exactMoney, type MarginShared } from '#domain/margin/margin';
import { type Decimal, decimal, sum, text, ZERO } from '#domain/money/decimal';
import { amountText, arithmeticSign, unitAmountText } from '#domain/money/money';
import type { ItemTerms } from '#domain/rating/terms';

/** The line's usage before the row's charge period, and up to the end of that period. */
export interface Counted {
  readonly before: Decimal;
  readonly upTo: Decimal;
}

/**
 * How a row came to its amount, as people write it: `(3600 − 1488) × 0.01 = 21.12`. Money is rounded on the line's
 * running total, so the amount may differ from the exact product: `1 × 0.005 = 0.005, booked 0.00`. `counted`: null if
 * the line does not count one quantity. `share`: how the amount came about, if it is no quantity × price.
 */
export function arithmeticOf(
  row: FrozenRow,
  currency: string,
  terms: ItemTerms | null,
  counted: Counted | null,
  share: string | null = null,
): string {
  const unit = unitAmountText(decimal(row.unitAmount), currency);
  const amount = (value: string): string => amountText(decimal(value), currency);
  const exact = decimal(row.quantity).times(decimal(row.unitAmount));
  const isExact = exact.eq(decimal(row.gross));
  const gross = isExact ? amount(row.gross) : `${arithmeticSign(text(exact))}, booked ${amount(row.gross)}`;
  const product = share ?? `${quantityText(row, unit, terms, counted)} = ${gross}`;
  const taken = [row.discount, row.credit].filter((each) => !decimal(each).eq(ZERO));
  if (taken.length === 0) return product;
  const net = [amount(row.gross), ...taken.map((each) => bracketed(amount(each)))].join(' − ');
  return `${product}; ${net} = ${amount(row.net)}`;
}

function quantityText(row: FrozenRow, unit: string, terms: ItemTerms | null, counted: Counted | null): string {
  const plain = `${arithmeticSign(row.quantity)} × ${unit}`;
  if (counted === null || terms === null || row.ref !== 'usage' || terms.unitConversion !== undefined) return plain;
  const free = decimal(terms.included ?? '0').plus(decimal(terms.discounts?.quantity ?? '0'));
  const billable = (usage: Decimal): Decimal => (usage.gt(free) ? usage.minus(free) : ZERO);
  const [before, upTo] = [billable(counted.before), billable(counted.upTo)];
  // Because of a correction or a maximum, the quantity may differ from the usage of the period.
  if (!upTo.minus(before).eq(decimal(row.quantity)) || upTo.eq(ZERO)) return plain;
  const shown = (usage: Decimal): string => (free.eq(ZERO) ? text(usage) : `(${text(usage)} − ${text(free)})`);
  if (before.eq(ZERO)) return `${shown(counted.upTo)} × ${unit}`;
  return free.eq(ZERO)
    ? `(${text(counted.upTo)} − ${text(counted.before)}) × ${unit}`
    : `(${shown(counted.upTo)} − ${shown(counted.before)}) × ${unit}`;
}

const A_HUNDREDTH = decimal('0.01');

/**
 * How a row's tax came to its amount. The taxes of all rows at a rate are rounded together, so one may differ from its
 * product.
 */
export function taxArithmeticOf(row: FrozenRow, currency: string): string {
  const exact = decimal(row.net).times(decimal(row.taxRatePercent)).times(A_HUNDREDTH);
  const amount = (value: string): string => amountText(decimal(value), currency);
  const product = `${row.taxRatePercent} % of ${amount(row.net)}`;
  return exact.eq(decimal(row.tax))
    ? `${product} = ${amount(row.tax)}`
    : `${product} = ${arithmeticSign(text(exact))}, booked ${amount(row.tax)}`;
}

const bracketed = (value: string): string => (value.startsWith('−') ? `(${value})` : value);

/**
 * What of a pool's cost is idle, and what is shared:
 * `90.00 × (9000 − 3600) / 9000 = 54.00 idle; 90.00 − 54.00 = 36.00`.
 */
export function poolArithmeticOf({ amount, pool }: MarginShared, currency: string): string | null {
  if (pool === null) return null;
  const money = (value: string): string => amountText(decimal(value), currency);
  const { cost, capacity, sold, remainder } = pool;
  if (decimal(sold).gte(decimal(capacity))) return `${money(cost)} for ${capacity}, of which ${sold} are sold`;
  return (
    `${money(cost)} × (${capacity} − ${sold}) / ${capacity} = ${money(remainder)} idle;` +
    ` ${money(cost)} − ${bracketed(money(remainder))} = ${money(amount)}`
  );
}

/**
 * How a tenant's parts of a shared cost came to their sum: the cost × its basis / the whole basis, without what is less
 * than a unit of the last decimal. Such units are left over, and whoever has the largest remainder bears one:
 * `10.00 × 1 / 3 = 3.33, and 0.01 of the remainder: 3.34`.
 */
export function shareArithmeticOf({ amount, basis, parts }: MarginShared, currency: string): string {
  const money = (value: Decimal): string => arithmeticSign(exactMoney(value, currency));
  const [whole, borne] = [decimal(amount), sum(parts.map((part) => decimal(part.amount)))];
  const own = parts[0]?.tenantBasis ?? '0';
  const product = `${money(whole)} × ${own} / ${basis}`;
  const bearsUnit = borne
    .times(decimal(basis))
    .abs()
    .gt(whole.times(decimal(own)).abs());
  if (!bearsUnit) return `${product} = ${money(borne)}`;
  // Of 10.00 it is 0.01, of −10.00 −0.01.
  const unit = decimal(amount.replaceAll(/\d/g, '0').replace(/0$/, '1'));
  return `${product} = ${money(borne.minus(unit))}, and ${money(unit)} of the remainder: ${money(borne)}`;
}
