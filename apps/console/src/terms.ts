import type { CorrectPlan, Plan, PlanItem } from '../../../clients/typescript/ledgerline.ts';
import { type Amount, itemText, type Priced } from './prices.ts';

type Corrected = NonNullable<CorrectPlan['items']>[number];

/** What of an item besides its price can be corrected here, each with where it is. */
const TERMS = {
  included: { label: 'included', of: null },
  minimum: { label: 'minimum commitment', of: 'commitments' },
  maximum: { label: 'maximum', of: 'commitments' },
  percentage: { label: 'discount in percent', of: 'discounts' },
  quantity: { label: 'discount in units', of: 'discounts' },
} as const;
type Term = keyof typeof TERMS;
const NAMES: readonly Term[] = ['included', 'minimum', 'maximum', 'percentage', 'quantity'];

function valueOf(item: PlanItem, term: Term): string {
  const { of } = TERMS[term];
  const value = of === null ? item.included : item[of]?.[term];
  return typeof value === 'string' ? value : '';
}

/** The terms of a plan other than its prices, as texts. An empty one is a term that the plan does not have. */
export function pricedByTerms(plan: Plan): Priced {
  const { planId, currency, effectiveFrom, effectiveUntil, items } = plan;
  const amounts: Amount[] = [
    { name: 'paymentTerm', label: 'Base fee due', value: plan.paymentTerm, choices: ['in_advance', 'in_arrears'] },
    ...items.flatMap((item, index) =>
      NAMES.map((term) => ({
        name: `${index}.${term}`,
        label: `${itemText(plan, item).replace(`${plan.name}: `, '')}: ${TERMS[term].label}`,
        value: valueOf(item, term),
      })),
    ),
  ];
  return {
    title: `the terms of ${plan.name}`,
    currency,
    within: { from: effectiveFrom, until: effectiveUntil },
    amounts,
    commandOf({ amounts: told, from, until, reason }) {
      const changed = items.flatMap((item, index) => {
        const corrected = correctedItem(item, (term) => told[`${index}.${term}`]);
        return corrected === null ? [] : [corrected];
      });
      const paymentTerm = told['paymentTerm'];
      return {
        ...{ command: 'correct-plan', planId, effectiveFrom: from, reason },
        ...(until === null ? {} : { effectiveUntil: until }),
        ...(paymentTerm === 'in_advance' || paymentTerm === 'in_arrears' ? { paymentTerm } : {}),
        ...(changed.length === 0 ? {} : { items: changed }),
      };
    },
  };
}

/** null: nothing of the item changes. */
function correctedItem(item: PlanItem, told: (term: Term) => string | undefined): Corrected | null {
  const isChanged = (term: Term): boolean => told(term) !== undefined && told(term) !== valueOf(item, term);
  if (!NAMES.some(isChanged)) return null;
  const now = (term: Term): string => told(term) ?? valueOf(item, term);
  const { billingKind, filter } = item;
  return {
    billingKind,
    ...(filter === undefined
      ? {}
      : { filter: Object.fromEntries(Object.entries(filter).map(([name, value]) => [name, String(value)])) }),
    ...(isChanged('included') ? { included: now('included') === '' ? null : now('included') } : {}),
    ...(isChanged('minimum') || isChanged('maximum')
      ? { commitments: commitmentsOf(now('minimum'), now('maximum')) }
      : {}),
    ...(isChanged('percentage') || isChanged('quantity')
      ? { discounts: discountsOf(now('percentage'), now('quantity')) }
      : {}),
  };
}

/** An empty term is one that the item does not have. null: it has none of them. */
function commitmentsOf(minimum: string, maximum: string): NonNullable<Corrected['commitments']> | null {
  if (minimum === '' && maximum === '') return null;
  return { ...(minimum === '' ? {} : { minimum }), ...(maximum === '' ? {} : { maximum }) };
}

/** The same for discounts. */
function discountsOf(percentage: string, quantity: string): NonNullable<Corrected['discounts']> | null {
  if (percentage === '' && quantity === '') return null;
  return { ...(percentage === '' ? {} : { percentage }), ...(quantity === '' ? {} : { quantity }) };
}
