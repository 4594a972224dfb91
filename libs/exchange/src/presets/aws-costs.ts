import { decimal, divide, text } from '#domain/money/decimal';
import type { Cells } from '../rows/cells.js';
import type { PresetField } from './preset.js';

/** Line types of discounts. */
export const DISCOUNTS = [
  ...(['Discount', 'BundledDiscount', 'EdpDiscount'] as const),
  ...(['SppDiscount', 'RiVolumeDiscount', 'PrivateRateDiscount'] as const),
];

const COSTS: readonly PresetField[] = [
  { name: 'reservationEffectiveCost', columns: ['reservation/EffectiveCost'] },
  { name: 'savingsPlanEffectiveCost', columns: ['savingsPlan/SavingsPlanEffectiveCost'] },
  { name: 'totalCommitment', columns: ['savingsPlan/TotalCommitmentToDate'] },
  { name: 'usedCommitment', columns: ['savingsPlan/UsedCommitment'] },
  { name: 'unusedUpfront', columns: ['reservation/UnusedAmortizedUpfrontFeeForBillingPeriod'] },
  { name: 'unusedRecurring', columns: ['reservation/UnusedRecurringFee'] },
];

/** The same after discounts, and what tells of these. */
const NET_COSTS: readonly PresetField[] = [
  { name: 'netAmount', columns: ['lineItem/NetUnblendedCost'] },
  { name: 'totalDiscount', columns: ['discount/TotalDiscount'] },
  { name: 'discounts', columns: ['discount'] },
  { name: 'netReservationEffectiveCost', columns: ['reservation/NetEffectiveCost'] },
  { name: 'netSavingsPlanEffectiveCost', columns: ['savingsPlan/NetSavingsPlanEffectiveCost'] },
  { name: 'netUnusedUpfront', columns: ['reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod'] },
  { name: 'netUnusedRecurring', columns: ['reservation/NetUnusedRecurringFee'] },
  { name: 'recurring', columns: ['savingsPlan/RecurringCommitmentForBillingPeriod'] },
  { name: 'netRecurring', columns: ['savingsPlan/NetRecurringCommitmentForBillingPeriod'] },
  { name: 'upfront', columns: ['savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod'] },
  { name: 'netUpfront', columns: ['savingsPlan/NetAmortizedUpfrontCommitmentForBillingPeriod'] },
];

/** What a report has of costs besides the unblended one. */
export const COST_FIELDS = [...COSTS, ...NET_COSTS];

/** The columns that have the amortised cost. Only together do they give the effective cost of all lines. */
const PLAN_COSTS = ['savingsPlanEffectiveCost', 'totalCommitment', 'usedCommitment'];
const RESERVATION_COSTS = ['reservationEffectiveCost', 'unusedUpfront', 'unusedRecurring'];

/**
 * The amortised amount, by line type. The fees of savings plans and reservations keep only what nothing used, because
 * the rest is the effective cost of the usage that they cover. The negation takes back the on-demand cost of that
 * usage. For other types it is the unblended cost: undefined. So it is for all of these where the report lacks columns,
 * or the usage and its fee would both count: 1.00 of covered usage, -1.00 of its negation and 0.70 of the fee are 0.70.
 */
export function effectiveOf(cells: Cells, type: string): string | undefined {
  switch (type) {
    case 'DiscountedUsage':
      return amortised(cells, RESERVATION_COSTS, () => netOf(cells, 'reservationEffectiveCost'));
    case 'RIFee':
      return amortised(cells, RESERVATION_COSTS, () =>
        sumOf(netOf(cells, 'unusedUpfront'), netOf(cells, 'unusedRecurring')),
      );
    case 'Fee':
      return cells.optional('reservationArn') === undefined
        ? undefined
        : amortised(cells, RESERVATION_COSTS, () => '0');
    case 'SavingsPlanCoveredUsage':
      return amortised(cells, PLAN_COSTS, () => netOf(cells, 'savingsPlanEffectiveCost'));
    case 'SavingsPlanNegation':
    case 'SavingsPlanUpfrontFee':
      return amortised(cells, PLAN_COSTS, () => '0');
    case 'SavingsPlanRecurringFee':
      return amortised(cells, PLAN_COSTS, () => {
        const [committed, used] = [cells.optionalDecimal('totalCommitment'), cells.optionalDecimal('usedCommitment')];
        if (committed === undefined || used === undefined) return undefined;
        return netOfFee(cells, text(decimal(committed).minus(decimal(used))));
      });
    default:
      return undefined;
  }
}

function amortised(cells: Cells, columns: readonly string[], cost: () => string | undefined): string | undefined {
  const missing = columns.filter((field) => !cells.hasColumn(field));
  if (missing.length === 0) return cost();
  cells.note(
    'not_amortized',
    'effectiveAmount',
    '',
    'report without all columns of amortized costs. Read as its unblended cost; for amortized costs, select ' +
      COSTS.flatMap(({ name, columns: [column = ''] }) => (columns.includes(name) ? [column] : [])).join(', '),
  );
  return undefined;
}

/** undefined: there is neither. */
const sumOf = (one: string | undefined, other: string | undefined): string | undefined =>
  one === undefined && other === undefined ? undefined : text(decimal(one ?? '0').plus(decimal(other ?? '0')));

/** What nothing used of a savings plan has no net cost of its own: its commitment, or its fee, tell the discount. */
function netOfFee(cells: Cells, unused: string): string {
  if (!hasNetCosts(cells)) return unused;
  const gross = sumOf(cells.optionalDecimal('recurring'), cells.optionalDecimal('upfront'));
  const net = sumOf(cells.optionalDecimal('netRecurring'), cells.optionalDecimal('netUpfront'));
  const shares = [
    [net, gross],
    [netOf(cells, 'amount'), cells.optionalDecimal('amount')],
  ] as const;
  for (const [after, before = '0'] of shares)
    if (after !== undefined && before !== '0')
      return text(divide(decimal(unused).times(decimal(after)), decimal(before), SHARE_SCALE));
  return unused;
}

/** Decimals of a share of an amount. */
const SHARE_SCALE = 20;

/**
 * Whether a report has costs after discounts. By AWS's dictionary it has the columns of discounts where these are in
 * the costs of the lines, and not where they are lines of their own ("manual discount compatibility").
 */
const hasNetCosts = (cells: Cells): boolean => cells.hasColumn('netAmount') && hasDiscountColumns(cells);

const hasDiscountColumns = (cells: Cells): boolean => cells.hasColumn('totalDiscount') || cells.hasColumn('discounts');

const hasDiscount = (cells: Cells): boolean =>
  (cells.optionalDecimal('totalDiscount') ?? '0') !== '0' || (cells.asWritten('discounts') ?? '{}') !== '{}';

/** `unusedRecurring` after discounts is `netUnusedRecurring`. */
const netName = (field: string): string => `net${field.charAt(0).toUpperCase()}${field.slice(1)}`;

/**
 * A cost after discounts, if the report has such costs, or else before them. Of a line without a discount AWS may
 * leave the former empty, or 0.
 */
function netOf(cells: Cells, field: string): string | undefined {
  const gross = cells.optionalDecimal(field);
  const net = hasNetCosts(cells) ? cells.optionalDecimal(netName(field)) : undefined;
  return net === undefined || (net === '0' && !hasDiscount(cells)) ? gross : net;
}

/**
 * What is billed: the net cost, or else the unblended cost with the discounts as lines of their own. Reports from
 * before CUR 2.0 have both: there such a line is 0, as the costs of the others include it.
 */
export function billedOf(cells: Cells, type: string): string {
  const amount = cells.decimal('amount');
  if (!hasNetCosts(cells)) {
    noteUnsureDiscount(cells, amount);
    return amount;
  }
  if (!DISCOUNTS.some((discount) => discount === type)) return netOf(cells, 'amount') ?? amount;
  const net = cells.optionalDecimal('netAmount');
  if (net === undefined)
    cells.note(
      'in_net_costs',
      'amount',
      amount,
      'discount, which the net costs of the other lines include. Read as 0.',
    );
  return net ?? '0';
}

/** Of the two columns that tell whether discounts are in the costs, the report has one. */
function noteUnsureDiscount(cells: Cells, amount: string): void {
  const net = cells.optionalDecimal('netAmount') ?? '0';
  const isUnsure = cells.hasColumn('netAmount') ? net !== '0' && net !== amount : hasDiscount(cells);
  if (isUnsure)
    cells.note(
      'unsure_discount',
      'amount',
      amount,
      'discount that may be no line of its own. The unblended cost is read; for net costs, select both' +
        ' line_item_net_unblended_cost and discount_total_discount.',
    );
}
