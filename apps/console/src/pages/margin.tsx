import { Group, Select, Tabs, Text } from '@mantine/core';
import { useAnswer } from '../answers.ts';
import { isMonthText, monthOf } from '../formats.ts';
import { useChoice, useNow, useParam } from '../moment.ts';
import { MonthInput } from '../parts/month-input.tsx';
import { Page } from '../parts/states.tsx';
import { Alerts } from './margin/alerts.tsx';
import { Bridge } from './margin/bridge.tsx';
import { CostEstimates } from './margin/cost-rates.tsx';
import { type Shown, withoutDeployments } from './margin/figures.tsx';
import { Month } from './margin/month.tsx';
import { ReconciledMonth } from './margin/reconciliation.tsx';
import { SharedCosts } from './margin/sharing.tsx';
import { Units } from './margin/units.tsx';

const VIEWS = [
  ['month', 'Month', Month],
  ['sharing', 'Shared cost', SharedCosts],
  ['units', 'Units', Units],
  ['bridge', 'Bridge', Bridge],
  ['reconciliation', 'Reconciliation', ReconciledMonth],
  ['estimates', 'Estimates', CostEstimates],
  ['alerts', 'Alerts', Alerts],
] as const;

/** Revenue against cost: what a month came to, who bears shared cost, what a unit costs, and why a margin changed. */
export function MarginPage() {
  const [month, setMonth] = useParam('month', monthOf(useNow()));
  const [currency, setCurrency] = useParam('currency', 'USD');
  const [view, setView] = useChoice(
    'view',
    VIEWS.map(([name]) => name),
    'month',
  );
  const isMonth = isMonthText(month);
  const { data } = useAnswer('margin', isMonth ? withoutDeployments({ month, currency }) : null);
  const currencies = [...new Set([currency, ...(data?.otherCurrencies ?? [])])].sort();
  const shown: Shown = { month, currency };
  return (
    <Page
      title="Margin"
      aside={
        <Group gap="xs" align="start">
          {currencies.length > 1 && (
            <Select
              aria-label="Currency"
              w="6rem"
              data={currencies}
              value={currency}
              allowDeselect={false}
              onChange={(next) => {
                setCurrency(next ?? currency);
              }}
            />
          )}
          <MonthInput aria-label="Month" month={month} set={setMonth} />
        </Group>
      }
    >
      <Tabs
        value={view}
        keepMounted={false}
        onChange={(next) => {
          setView(next ?? 'month');
        }}
      >
        <Tabs.List aria-label="Views of the margin">
          {VIEWS.map(([name, title]) => (
            <Tabs.Tab key={name} value={name}>
              {title}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {VIEWS.map(([name, , View]) => (
          <Tabs.Panel key={name} value={name} pt="md">
            {isMonth ? <View {...shown} /> : <Text>Enter a month such as 2026-04 to see its margin.</Text>}
          </Tabs.Panel>
        ))}
      </Tabs>
    </Page>
  );
}
