import type { CostRate } from '../../../../../clients/typescript/ledgerline.ts';
import { type FactChange, given, periodFields, periodIn, withdrawalOf } from '../../parts/change-fact.tsx';
import type { Shown } from './figures.tsx';

const RECORDED = 'The cost rate is recorded. Months without a bill are estimated by it from now on.';

export const nameOf = ({ billingKind, provider, region }: CostRate): string =>
  [billingKind, ...(provider === null ? [] : [provider]), ...(region === null ? [] : [region])].join(' ');

/** A cost rate is set, or corrected over a period. null: a new one. */
export function costRateChange(of: CostRate | null, { month, currency }: Shown): FactChange {
  const command = of === null ? ('set-cost-rate' as const) : ('correct-cost-rate' as const);
  return {
    title: of === null ? 'Set a cost rate' : `Correct the cost rate of ${nameOf(of)}`,
    note: 'Of several that match, the one that names the provider and the region counts. Bills replace estimates.',
    fields: [
      ...(of === null
        ? [
            { name: 'billingKind', label: 'Billing kind', value: '' },
            { name: 'provider', label: 'Provider (empty: any)', value: '' },
            { name: 'region', label: 'Region (empty: any)', value: '' },
          ]
        : []),
      { name: 'unitCost', label: 'Cost of a unit', value: of?.unitCost ?? '' },
      { name: 'currency', label: 'Currency', value: of?.currency ?? currency },
      ...periodFields(of ?? { effectiveFrom: `${month}-01T00:00:00Z`, effectiveUntil: null }),
    ],
    margin: { month, currency },
    commandOf: (values, reason) => ({
      ...{ command, reason },
      ...keyOf(of ?? { billingKind: values['billingKind'] ?? '', ...given(values, 'provider', 'region') }),
      ...{ unitCost: values['unitCost'] ?? '', currency: values['currency'] ?? currency },
      ...periodIn(values),
    }),
    recorded: RECORDED,
  };
}

export const costRateWithdrawal = (of: CostRate, margin: Shown): FactChange =>
  withdrawalOf(
    'set-cost-rate',
    { ...keyOf(of), effectiveFrom: of.effectiveFrom },
    {
      ...{ noun: 'cost rate', named: `the cost rate of ${nameOf(of)}`, margin },
      recorded: 'The cost rate is withdrawn.',
    },
  );

interface Key {
  readonly billingKind: string;
  readonly provider?: string | null;
  readonly region?: string | null;
}

const keyOf = ({ billingKind, provider, region }: Key) => ({
  billingKind,
  ...(typeof provider === 'string' ? { provider } : {}),
  ...(typeof region === 'string' ? { region } : {}),
});
