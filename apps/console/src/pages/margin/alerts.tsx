import { Button, SegmentedControl, Stack } from '@mantine/core';
import type { Alert, MarginAlert } from '../../../../../clients/typescript/ledgerline.ts';
import { useList } from '../../answers.ts';
import { useChoice, useMoment } from '../../moment.ts';
import { correctionColumn, useFactChange } from '../../parts/change-fact.tsx';
import { Section } from '../../parts/states.tsx';
import { Explain, IN_FORCE, ListTable } from '../../parts/table.tsx';
import { useMay } from '../../session.tsx';
import { useTenants } from '../../tenants.ts';
import { ruleChange, ruleWithdrawal, WHEN } from './change-rule.ts';
import type { Shown } from './figures.tsx';

/** A drop of a margin is in points, all else in percent. */
const amountText = (when: Alert['when'], value: string): string =>
  `${value} ${when === 'margin_drop' ? 'points' : '%'}`;

/** The alerts about margin and cost of all months, and the rules that raise them. */
export function Alerts({ month, currency }: Shown) {
  const [state, setState] = useChoice('state', ['raised', 'cleared'], 'raised');
  return (
    <Stack>
      <Section title="Alerts of all months">
        <SegmentedControl
          aria-label="Which alerts"
          value={state}
          onChange={setState}
          mb="xs"
          data={[
            { value: 'raised', label: 'Raised' },
            { value: 'cleared', label: 'Cleared' },
          ]}
        />
        <Raised state={state} />
      </Section>
      <Section title="Rules">
        <Rules month={month} currency={currency} />
      </Section>
    </Stack>
  );
}

function Raised({ state }: { readonly state: Alert['state'] }) {
  const alerts = useList('alerts', { state });
  const { nameOf } = useTenants();
  const event = (position: number | null) =>
    position === null ? '–' : <Explain id={String(position)}>{position}</Explain>;
  return (
    <ListTable
      name={`${state} alerts`}
      list={alerts}
      keyOf={({ id }) => id}
      empty={state === 'raised' ? 'No alert is raised. The worker judges each month that events change.' : 'None yet.'}
      columns={[
        { title: 'Period', value: ({ period }) => period },
        { title: 'Rule', value: ({ alertId }) => alertId },
        { title: 'When', value: ({ when }) => WHEN[when] },
        { title: 'Tenant', value: ({ tenantId }) => (tenantId === null ? null : nameOf(tenantId)) },
        { title: 'Tenant id', value: ({ tenantId }) => tenantId },
        {
          title: 'Cost of',
          value: ({ provider, kind }) =>
            provider === null && kind === null ? null : `${provider ?? ''} ${kind ?? ''}`,
        },
        { title: 'Currency', value: ({ currency }) => currency },
        {
          title: 'Value',
          value: ({ value }) => value,
          show: ({ when, value }) => (value === null ? 'no average' : amountText(when, value)),
          isNumber: true,
        },
        {
          title: 'Limit',
          value: ({ threshold }) => threshold,
          show: ({ when, threshold }) => amountText(when, threshold),
          isNumber: true,
        },
        { title: 'Raised at', value: ({ raisedAt }) => raisedAt, show: (each) => event(each.raisedAt), isNumber: true },
        ...(state === 'raised'
          ? []
          : [
              {
                title: 'Cleared at',
                value: ({ clearedAt }: Alert) => clearedAt,
                show: (each: Alert) => event(each.clearedAt),
                isNumber: true,
              },
            ]),
      ]}
    />
  );
}

function Rules(shown: Shown) {
  const { asOf } = useMoment();
  const mayWrite = useMay('platform_admin') && asOf === undefined;
  const rules = useList('marginAlerts', {});
  const { ask, dialog } = useFactChange();
  return (
    <>
      {mayWrite && (
        <Button
          mb="xs"
          onClick={() => {
            ask(ruleChange(null, shown));
          }}
        >
          Set a rule
        </Button>
      )}
      <ListTable
        name="rules of alerts"
        list={rules}
        keyOf={({ alertId, effectiveFrom }) => `${alertId} ${effectiveFrom}`}
        empty="There is no rule: no alert is raised."
        columns={[
          { title: 'Rule', value: ({ alertId }) => alertId },
          { title: 'When', value: ({ when }) => WHEN[when] },
          {
            title: 'Limit',
            value: ({ percent }) => percent,
            show: ({ when, percent }) => amountText(when, percent),
            isNumber: true,
          },
          { title: 'About', value: aboutText },
          { title: 'Currency', value: (each) => each.currency },
          IN_FORCE,
          ...(mayWrite
            ? [
                correctionColumn(({ alertId, effectiveFrom }: MarginAlert) => `${alertId} from ${effectiveFrom}`, {
                  correct: (rule) => {
                    ask(ruleChange(rule, shown));
                  },
                  withdraw: (rule) => {
                    ask(ruleWithdrawal(rule, shown));
                  },
                }),
              ]
            : []),
        ]}
      />
      {dialog}
    </>
  );
}

function aboutText({ by, provider, kind, days, minimum }: MarginAlert): string {
  const terms = [
    ...(by === 'tenant' ? ['each tenant'] : []),
    ...(provider === null ? [] : [`provider ${provider}`]),
    ...(kind === null ? [] : [`kind ${kind}`]),
    ...(days === null ? [] : [`${days} days`]),
    ...(minimum === null ? [] : [`from ${minimum} on`]),
  ];
  return terms.length === 0 ? 'all tenants together' : terms.join(', ');
}
