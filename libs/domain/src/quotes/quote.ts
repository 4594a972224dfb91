import { invalid } from '../errors.js';
import { taxShares } from '../invoices/tax.js';
import { decimal, ONE, sum, text, ZERO } from '../money/decimal.js';
import { moneyText } from '../money/money.js';
import { flatPrice } from '../prices/flat.js';
import { needsRates } from '../prices/price.js';
import { quoteItem } from '../rating/quote.js';
import { type PrintedRow, printRated } from '../rating/row.js';
import { BASE_FEE, type PlanItem, type PlanVersion } from '../plans/plan.js';

export interface Quote {
  readonly planId: string;
  readonly currency: string;
  readonly lines: readonly {
    readonly billingKind: string;
    readonly quantity: string;
    readonly included: string;
    readonly billable: string;
    readonly rows: readonly PrintedRow[];
    readonly net: string;
  }[];
  readonly subtotal: string;
  readonly tax: string;
  readonly total: string;
  /** Usage of billing kinds for which the plan has no item. */
  readonly unbilled: readonly { readonly billingKind: string; readonly quantity: string }[];
}

/**
 * The price of a whole period under a plan for a usage map (quantity by billing kind). It uses the engine of invoices
 * and stores nothing. Errors: `not_a_decimal`; `rate_card_quote`, as a map names no rate keys; `filtered_quote`, as a
 * map does not say which item's filter applies.
 */
export function quotePlan(plan: PlanVersion, usage: Readonly<Record<string, string>>, taxRatePercent = '0'): Quote {
  const { currency } = plan;
  const usedOf = new Map(Object.entries(usage));
  const baseFee = {
    billingKind: BASE_FEE,
    price: flatPrice(plan.baseFee, plan.paymentTerm),
  };
  const quoted = [baseFee, ...plan.items].map((item) => {
    const { billingKind } = item;
    const used = billingKind === BASE_FEE ? ONE : decimal(usedOf.get(billingKind) ?? '0', `usage.${billingKind}`);
    if (!used.eq(ZERO)) guardQuantity(plan, item);
    return { billingKind, ...quoteItem(item, needsRates(item.price) ? [] : used, currency) };
  });
  const nets = quoted.map(({ net }) => net);
  const subtotal = sum(nets);
  const tax = sum(taxShares(nets, taxRatePercent, currency));
  const known = new Set(quoted.map(({ billingKind }) => billingKind));
  return {
    planId: plan.planId,
    currency,
    lines: quoted.map(({ billingKind, quantity, included, billable, rows, net }) => ({
      billingKind,
      quantity: text(quantity),
      included: text(included),
      billable: text(billable),
      rows: printRated(rows, currency),
      net: moneyText(net, currency),
    })),
    subtotal: moneyText(subtotal, currency),
    tax: moneyText(tax, currency),
    total: moneyText(subtotal.plus(tax), currency),
    unbilled: Object.entries(usage)
      .filter(
        ([billingKind, quantity]) => !known.has(billingKind) && !decimal(quantity, `usage.${billingKind}`).eq(ZERO),
      )
      .map(([billingKind, quantity]) => ({ billingKind, quantity: text(decimal(quantity)) })),
  };
}

/** Refuses usage whose price a quantity alone does not determine. */
function guardQuantity(plan: PlanVersion, { billingKind, price }: Pick<PlanItem, 'billingKind' | 'price'>): void {
  const field = `usage.${billingKind}`;
  if (needsRates(price))
    throw invalid(
      'rate_card_quote',
      `${billingKind} is priced by rate keys, which a quantity does not name: quote without it, and query its rates`,
      [{ field, message: 'cannot be quoted by quantity' }],
    );
  if (plan.items.filter((item) => item.billingKind === billingKind).length > 1)
    throw invalid(
      'filtered_quote',
      `${billingKind} has several items in the plan, whose filters a quantity does not choose from`,
      [{ field, message: 'has several items in the plan' }],
    );
}
