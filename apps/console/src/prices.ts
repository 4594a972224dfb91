import type {
  CorrectAssignment,
  CorrectPlan,
  CorrectPrice,
  CorrectRate,
  CorrectResource,
  CorrectUsage,
  Plan,
  PlanItem,
  Rate,
} from '../../../clients/typescript/ledgerline.ts';
import { moneyText } from './formats.ts';

/** An amount that a price is made of. */
export interface Amount {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  /** All values that it can have. undefined: any. */
  readonly choices?: readonly string[];
}

/** What a person says a price should be. */
export interface Told {
  readonly amounts: Readonly<Record<string, string>>;
  readonly from: string;
  readonly until: string | null;
  readonly reason: string;
}

/** A fact that can be corrected. */
export interface Correctable {
  readonly title: string;
  readonly amounts: readonly Amount[];
  /** The period that a correction is for. null: the fact has one of its own. */
  readonly within: { readonly from: string; readonly until: string | null } | null;
  /** The month whose margin the preview shows. Default: that of `from`. */
  readonly month?: string;
  /** The currency of that margin. Default: the one that the API chooses. */
  readonly currency?: string;
  readonly commandOf: (told: Told) => CorrectionCommand;
}

type CorrectionCommand = CorrectRate | CorrectPrice | CorrectPlan | CorrectUsage | CorrectResource | CorrectAssignment;

/** Something with a price: a rate, or an item of a plan. */
export interface Priced extends Correctable {
  readonly currency: string;
  readonly within: NonNullable<Correctable['within']>;
}

export const keyText = ({ resourceType, resourceFamily, location }: Rate): string =>
  `${resourceType}/${resourceFamily}@${location}`;

/** The same read: `type/family@location`, or its type alone. undefined: it is no key. A type has no `/` and no `@`. */
export function keyIn(
  text: string,
): (Partial<Pick<Rate, 'resourceFamily' | 'location'>> & Pick<Rate, 'resourceType'>) | undefined {
  const [, resourceType, resourceFamily, location] = /^([^/@]+)(?:\/([^/@]+))?(?:@(.+))?$/.exec(text) ?? [];
  if (resourceType === undefined) return undefined;
  return {
    resourceType,
    ...(resourceFamily === undefined ? {} : { resourceFamily }),
    ...(location === undefined ? {} : { location }),
  };
}

const periodOf = ({ from, until, reason }: Told) => ({
  effectiveFrom: from,
  ...(until === null ? {} : { effectiveUntil: until }),
  reason,
});

export function pricedByRate(rate: Rate): Priced {
  const { resourceType, resourceFamily, location, currency, unitPrice } = rate;
  return {
    title: keyText(rate),
    currency,
    within: { from: rate.effectiveFrom, until: rate.effectiveUntil },
    amounts: [{ name: 'unitPrice', label: `Price in ${currency}`, value: unitPrice }],
    commandOf: (told) => ({
      ...{ command: 'correct-rate', resourceType, resourceFamily, location },
      unitPrice: told.amounts['unitPrice'] ?? unitPrice,
      ...periodOf(told),
    }),
  };
}

type Price = CorrectPrice['price'];
type Shape = PlanItem['price'];

/** What of JSON is under a name, if it is a text. */
const textIn = (of: unknown, name: string): string | undefined => {
  if (typeof of !== 'object' || of === null) return undefined;
  const value: unknown = Object.entries(of).find(([key]) => key === name)?.[1];
  return typeof value === 'string' ? value : undefined;
};

const tiersOf = ({ tiers }: Shape): readonly unknown[] => (Array.isArray(tiers) ? tiers : []);

const LABELS: Readonly<Record<string, string>> = {
  amount: 'Amount',
  unitAmount: 'Unit amount',
  flatAmount: 'Flat amount',
  packageSize: 'Package size',
  packageAmount: 'Package amount',
  multiplier: 'Multiplier',
  percent: 'Percent',
  fixedAmount: 'Fixed amount',
};

/** The amounts of a price, each under its path: `unitAmount`, or `tiers.0.unitAmount`. */
function amountsOf(price: Shape): Amount[] {
  const under = (of: unknown, path: string, where: string): Amount[] =>
    Object.entries(LABELS).flatMap(([name, label]) => {
      const value = textIn(of, name);
      return value === undefined ? [] : [{ name: `${path}${name}`, label: `${label}${where}`, value }];
    });
  return [
    ...under(price, '', ''),
    ...tiersOf(price).flatMap((tier, index) => {
      const upTo = textIn(tier, 'upTo');
      return under(tier, `tiers.${index}.`, upTo === undefined ? ' beyond' : ` up to ${upTo}`);
    }),
  ];
}

/** The price of an item with other amounts. null: it is in no plan, but in rates. */
function priceWith(price: Shape, told: Readonly<Record<string, string>>): Price | null {
  const { model } = price;
  const given = (name: string): string => told[name] ?? textIn(price, name) ?? '';
  switch (model) {
    case 'flat': {
      const isAdvance = textIn(price, 'paymentTerm') === 'in_advance';
      return { model, amount: given('amount'), paymentTerm: isAdvance ? 'in_advance' : 'in_arrears' };
    }
    case 'unit':
      return { model, unitAmount: given('unitAmount') };
    case 'package':
      return { model, packageSize: given('packageSize'), packageAmount: given('packageAmount') };
    case 'dynamic':
      return { model, multiplier: given('multiplier') };
    case 'percentage': {
      const fixedAmount = given('fixedAmount');
      return { model, percent: given('percent'), ...(fixedAmount === '' ? {} : { fixedAmount }) };
    }
    case 'graduated':
    case 'volume':
      return { model, tiers: tiersOf(price).map((tier, index) => tierWith(tier, `tiers.${index}.`, told)) };
    default:
      return null;
  }
}

function tierWith(tier: unknown, path: string, told: Readonly<Record<string, string>>) {
  const unitAmount = told[`${path}unitAmount`] ?? textIn(tier, 'unitAmount');
  const flatAmount = told[`${path}flatAmount`] ?? textIn(tier, 'flatAmount');
  return {
    upTo: textIn(tier, 'upTo') ?? null,
    ...(unitAmount === undefined ? {} : { unitAmount }),
    ...(flatAmount === undefined ? {} : { flatAmount }),
  };
}

/** The base fee is corrected under this name, as if it were an item. */
export const BASE_FEE = 'base_fee';

/** What has a price in a plan: its base fee, then its items. */
export const itemsOf = ({
  baseFee,
  paymentTerm,
  items,
}: Plan): Pick<PlanItem, 'billingKind' | 'price' | 'filter' | 'included' | 'pooled'>[] => [
  { billingKind: BASE_FEE, price: { model: 'flat', amount: baseFee, paymentTerm } },
  ...items,
];

/** `5.00 flat`, `0.01 a unit`, and so on, as far as a line has room for it. */
export function priceText(price: Shape, currency: string): string {
  if (price['model'] === 'rate_card') return 'by the rate of its key';
  const told = amountsOf(price).map(({ name, label, value }) => {
    const isMoney = /amount$/i.test(name);
    return `${label.toLowerCase()} ${isMoney ? moneyText(value, currency) : value}`;
  });
  return told.join(', ');
}

/** The filter of an item as texts, as commands take it. */
const filterOf = (filter: PlanItem['filter']): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(filter ?? {}).map(([name, value]) => [name, String(value)]));

/** null: its price is in rates. */
export function pricedByItem(plan: Plan, item: Pick<PlanItem, 'billingKind' | 'price' | 'filter'>): Priced | null {
  if (priceWith(item.price, {}) === null) return null;
  const { planId, currency, effectiveFrom, effectiveUntil } = plan;
  const { billingKind, filter } = item;
  return {
    title: itemText(plan, item),
    currency,
    within: { from: effectiveFrom, until: effectiveUntil },
    amounts: amountsOf(item.price),
    commandOf(told) {
      const price = priceWith(item.price, told.amounts);
      if (price === null) throw new Error(`the price of ${billingKind} is in rates`);
      return {
        ...{ command: 'correct-price', planId, billingKind, price },
        ...(filter === undefined ? {} : { filter: filterOf(filter) }),
        ...periodOf(told),
      };
    },
  };
}

/** `Studio: droplet_hours (region eu)`. */
export function itemText(plan: Plan, { billingKind, filter }: Pick<PlanItem, 'billingKind' | 'filter'>): string {
  const only = Object.entries(filterOf(filter)).map(([name, value]) => `${name} ${value}`);
  const kind = billingKind === BASE_FEE ? 'base fee' : billingKind;
  return `${plan.name}: ${kind}${only.length === 0 ? '' : ` (${only.join(', ')})`}`;
}
