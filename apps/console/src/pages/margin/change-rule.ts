import type { Alert, MarginAlert } from '../../../../../clients/typescript/ledgerline.ts';
import { type FactChange, given, periodFields, periodIn, withdrawalOf } from '../../parts/change-fact.tsx';
import type { Shown } from './figures.tsx';

/** What a rule looks for, in words. */
export const WHEN: Readonly<Record<Alert['when'], string>> = {
  margin_below: 'Margin below a percentage',
  margin_drop: 'Margin below that of the month before',
  unattributed_above: 'Cost of no tenant above a percentage',
  cost_off_average: 'Cost of a kind off its average',
};

const KINDS: readonly Alert['when'][] = ['margin_below', 'margin_drop', 'unattributed_above', 'cost_off_average'];
const OF_AVERAGE: readonly string[] = ['provider', 'kind', 'days', 'minimum'];

const RECORDED = 'The rule is recorded. The worker judges by it within seconds.';

/** A rule of alerts is set, or corrected over a period. null: a new one. */
export function ruleChange(of: MarginAlert | null, { month, currency }: Shown): FactChange {
  const command = of === null ? ('set-margin-alert' as const) : ('correct-margin-alert' as const);
  return {
    title: of === null ? 'Set a rule of alerts' : `Correct the rule ${of.alertId}`,
    note: 'The preview shows which alerts the rule would raise and clear.',
    fields: [
      ...(of === null ? [{ name: 'alertId', label: 'Name of the rule', value: '' }] : []),
      {
        name: 'when',
        label: 'When',
        value: WHEN[of?.when ?? 'margin_below'],
        choices: KINDS.map((each) => WHEN[each]),
      },
      { name: 'percent', label: 'Limit, in percent or points', value: of?.percent ?? '' },
      { name: 'currency', label: 'Currency', value: of?.currency ?? currency },
      { name: 'by', label: 'About', value: of?.by === 'tenant' ? EACH : ALL, choices: [ALL, EACH] },
      { name: 'provider', label: 'Provider (empty: any)', value: of?.provider ?? '' },
      { name: 'kind', label: 'Kind of the provider (empty: any)', value: of?.kind ?? '' },
      { name: 'days', label: 'Number of days that are averaged', value: String(of?.days ?? 7) },
      { name: 'minimum', label: 'Cost under which nothing is raised', value: of?.minimum ?? '0' },
      ...periodFields(of ?? { effectiveFrom: `${month}-01T00:00:00Z`, effectiveUntil: null }),
    ],
    isShown: (name, values) =>
      OF_AVERAGE.includes(name)
        ? whenOf(values) === 'cost_off_average'
        : name !== 'by' || whenOf(values).startsWith('margin'),
    margin: { month, currency },
    commandOf: (values, reason) => ({
      ...{ command, alertId: of?.alertId ?? values['alertId'] ?? '', reason },
      when: whenOf(values),
      percent: values['percent'] ?? '',
      currency: values['currency'] ?? currency,
      ...(values['by'] === EACH ? { by: 'tenant' as const } : {}),
      ...given(values, 'provider', 'kind', 'minimum'),
      ...(values['days'] === undefined ? {} : { days: Number(values['days']) }),
      ...periodIn(values),
    }),
    recorded: RECORDED,
  };
}

const whenOf = ({ when = '' }: Readonly<Record<string, string>>): Alert['when'] =>
  KINDS.find((each) => WHEN[each] === when) ?? 'margin_below';

const [ALL, EACH] = ['all tenants together', 'each tenant'];

export const ruleWithdrawal = ({ alertId, effectiveFrom }: MarginAlert, margin: Shown): FactChange =>
  withdrawalOf(
    'set-margin-alert',
    { alertId, effectiveFrom },
    { noun: 'rule', named: `the rule ${alertId}`, margin, recorded: RECORDED },
  );
