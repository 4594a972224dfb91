import { compareText } from '../compare-text.js';
import { type Decimal, sum, ZERO } from '../money/decimal.js';

/** A provider's invoice, with what its imported lines come to. */
export interface BilledSum {
  readonly provider: string;
  readonly invoiceRef: string;
  readonly lines: number;
  /** Without tax. */
  readonly net: Decimal;
  readonly tax: Decimal;
}

/** What a provider states as the total of an invoice, or of all invoices whose references begin with this one. */
export interface StatedTotal {
  readonly provider: string;
  readonly invoiceRef: string;
  readonly month: string;
  /** With tax. */
  readonly total: Decimal;
  readonly tax: Decimal;
}

/** Imported lines compared with a stated total. */
export interface ReconciledBill extends BilledSum {
  /** The invoices that it is compared with. */
  readonly invoices: readonly string[];
  readonly stated: StatedTotal | null;
  /** Imported less stated, with tax. null: no total is stated. */
  readonly difference: Decimal | null;
  readonly taxDifference: Decimal | null;
}

type Ref = Pick<StatedTotal, 'provider' | 'invoiceRef'>;

/** Whether a total is for this invoice: the same reference, or the beginning of it up to a space. */
const isTotalOf = (total: Ref, bill: Ref): boolean =>
  total.provider === bill.provider &&
  (total.invoiceRef === bill.invoiceRef || bill.invoiceRef.startsWith(`${total.invoiceRef} `));

/** The total that an invoice counts in: the one with the longest reference. */
export function totalFor<Total extends Ref>(totals: readonly Total[], bill: Ref): Total | null {
  let found: Total | null = null;
  for (const total of totals)
    if (isTotalOf(total, bill) && (found === null || found.invoiceRef.length < total.invoiceRef.length)) found = total;
  return found;
}

/**
 * Each invoice counts in one row: that of the total that it counts in, or its own. A total without imported lines has
 * a row, too.
 */
export function reconciledBills(bills: readonly BilledSum[], totals: readonly StatedTotal[]): ReconciledBill[] {
  const of = new Map<StatedTotal | BilledSum, BilledSum[]>(totals.map((total) => [total, []]));
  for (const bill of bills) {
    const total = totalFor(totals, bill);
    if (total === null) of.set(bill, [bill]);
    else of.get(total)?.push(bill);
  }
  return [...of]
    .map(([key, billed]): ReconciledBill => {
      const [net, tax] = [sum(billed.map((bill) => bill.net)), sum(billed.map((bill) => bill.tax))];
      const stated = 'total' in key ? key : null;
      return {
        provider: key.provider,
        invoiceRef: key.invoiceRef,
        invoices: billed.map(({ invoiceRef }) => invoiceRef),
        lines: billed.reduce((count, bill) => count + bill.lines, 0),
        ...{ net, tax, stated },
        difference: stated === null ? null : net.plus(tax).minus(stated.total),
        taxDifference: stated === null ? null : tax.minus(stated.tax),
      };
    })
    .sort((a, b) => compareText(a.provider, b.provider) || compareText(a.invoiceRef, b.invoiceRef));
}

/** The cost of a resource within a month, by the provider's kind. */
export interface CostOfResource {
  readonly provider: string;
  readonly resourceId: string;
  readonly kind: string;
  readonly lines: number;
  readonly amount: Decimal;
}

/** A resource of the inventory, as it was last within a month. */
export interface ResourceInMonth {
  readonly provider: string;
  readonly resourceId: string;
  readonly kind: string;
  readonly deploymentId: string | null;
  readonly tenantId: string | null;
  /** Whether it was there at some time of the month. */
  readonly isThere: boolean;
  /** Whether resources of its kind are metered. */
  readonly isMetered: boolean;
}

/** The usage of a resource within a month. `provider` '': any. */
export interface UsageOfResource {
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly provider: string;
  readonly resourceId: string;
  readonly quantity: Decimal;
  readonly readings: number;
}

/** Why a resource that costs has no usage. */
export const WITHOUT_USAGE = ['no_deployment', 'kind_not_metered', 'no_readings', 'off'] as const;
export type WithoutUsage = (typeof WITHOUT_USAGE)[number];

/** What cost, inventory and usage of a month do not have in common. */
export interface Untied {
  /** The provider charges a resource that the inventory does not know. */
  readonly costWithoutInventory: readonly CostOfResource[];
  /** A resource was there, and no line of any currency charges it. */
  readonly inventoryWithoutCost: readonly ResourceInMonth[];
  /** A resource was used, and no line of any currency charges it. */
  readonly usageWithoutCost: readonly UsageOfResource[];
  /** The provider charges a resource of the inventory that has no usage, or usage of 0. */
  readonly costWithoutUsage: readonly (CostOfResource & { readonly reason: WithoutUsage })[];
}

/**
 * Compares costs, resources and usage by provider and id of the resource. `costs`: in the requested currency.
 * `otherCosts`: in all other currencies. `resources`: all that were ever known.
 */
export function untied(
  costs: readonly CostOfResource[],
  otherCosts: readonly CostOfResource[],
  resources: readonly ResourceInMonth[],
  usage: readonly UsageOfResource[],
): Untied {
  const known = new Map(resources.map((resource) => [keyOf(resource), resource]));
  const ofAnyCurrency = [...costs, ...otherCosts].filter(isCost);
  const charged = new Set(ofAnyCurrency.map(keyOf));
  const chargedIds = new Set(ofAnyCurrency.map(({ resourceId }) => resourceId));
  const readings = Map.groupBy(usage, keyOf);
  const usedBy = (resource: Resource): readonly UsageOfResource[] => [
    ...(readings.get(keyOf(resource)) ?? []),
    ...(readings.get(keyOf({ ...resource, provider: '' })) ?? []),
  ];
  return {
    costWithoutInventory: costs.filter((cost) => isCost(cost) && !known.has(keyOf(cost))),
    inventoryWithoutCost: resources.filter((resource) => resource.isThere && !charged.has(keyOf(resource))),
    usageWithoutCost: usage.filter(
      (each) =>
        !each.quantity.eq(ZERO) && !(each.provider === '' ? chargedIds.has(each.resourceId) : charged.has(keyOf(each))),
    ),
    costWithoutUsage: costs.flatMap((cost) => {
      const resource = known.get(keyOf(cost));
      if (resource === undefined || !isCost(cost)) return [];
      const used = usedBy(cost);
      return used.some(({ quantity }) => !quantity.eq(ZERO)) ? [] : [{ ...cost, reason: reasonOf(resource, used) }];
    }),
  };
}

/** A cost of 0 is no cost. */
const isCost = ({ amount }: CostOfResource): boolean => !amount.eq(ZERO);

type Resource = Pick<CostOfResource, 'provider' | 'resourceId'>;
const keyOf = ({ provider, resourceId }: Resource): string => JSON.stringify([provider, resourceId]);

function reasonOf(resource: ResourceInMonth, used: readonly UsageOfResource[]): WithoutUsage {
  if (used.length > 0) return 'off';
  if (resource.deploymentId === null) return 'no_deployment';
  return resource.isMetered ? 'no_readings' : 'kind_not_metered';
}
