import { Button, Stack, Text } from '@mantine/core';
import { useAnswer, useList } from '../../answers.ts';
import { isMonthText, monthText } from '../../formats.ts';
import { useMoment, useParam } from '../../moment.ts';
import { correctionColumn, useFactChange } from '../../parts/change-fact.tsx';
import { MonthInput } from '../../parts/month-input.tsx';
import { Answered, Money, Section } from '../../parts/states.tsx';
import { DataTable, IN_FORCE, ListTable, QUANTITY } from '../../parts/table.tsx';
import { useMay } from '../../session.tsx';
import { costRateChange, costRateWithdrawal, nameOf } from './change-cost-rate.ts';
import type { Shown } from './figures.tsx';

/** What units are estimated to cost until the bill comes, and how far that was from the bills. */
export function CostEstimates(shown: Shown) {
  return (
    <Stack>
      <Variance {...shown} />
      <Section title="Cost rates">
        <CostRates {...shown} />
      </Section>
    </Stack>
  );
}

function Variance({ month, currency }: Shown) {
  const [from, setFrom] = useParam('from', month);
  const isMonth = isMonthText(from);
  const variance = useAnswer('costVariance', isMonth ? { from, to: month, currency } : null);
  const span = !isMonth || from === month ? monthText(month) : `${monthText(from)} to ${monthText(month)}`;
  return (
    <Section title={`Estimated against billed, ${span}`}>
      <Stack align="start">
        <MonthInput label="From" month={from} set={setFrom} />
        <Text size="sm">
          Of usage whose bill has come: what the cost rates estimated, and what the bills say. A variance above 0 was
          estimated too high.
        </Text>
      </Stack>
      {isMonth && (
        <Answered answer={variance}>
          {({ months }) => (
            <DataTable
              name="estimated against billed cost"
              rows={months.flatMap((each) => each.byKind.map((kind) => ({ month: each.month, ...kind })))}
              keyOf={(row) => `${row.month} ${row.billingKind}`}
              empty="No usage with a cost rate was billed by a provider. Set a cost rate, and import a bill."
              columns={[
                { title: 'Month', value: (row) => row.month },
                { title: 'Billing kind', value: ({ billingKind }) => billingKind },
                QUANTITY,
                { title: 'Estimated', value: ({ estimate }) => estimate, currency },
                { title: 'Billed', value: ({ actual }) => actual, currency },
                { title: 'Variance', value: (row) => row.variance, currency },
              ]}
            />
          )}
        </Answered>
      )}
    </Section>
  );
}

function CostRates(shown: Shown) {
  const { asOf } = useMoment();
  const mayWrite = useMay('platform_admin') && asOf === undefined;
  const rates = useList('costRates', {});
  const { ask, dialog } = useFactChange();
  return (
    <>
      {mayWrite && (
        <Button
          mb="xs"
          onClick={() => {
            ask(costRateChange(null, shown));
          }}
        >
          Set a cost rate
        </Button>
      )}
      <ListTable
        name="cost rates"
        list={rates}
        keyOf={(rate) => `${nameOf(rate)} ${rate.effectiveFrom}`}
        empty="There is no cost rate: no cost is estimated."
        columns={[
          { title: 'Billing kind', value: ({ billingKind }) => billingKind },
          { title: 'Provider', value: ({ provider }) => provider, show: ({ provider }) => provider ?? 'any' },
          { title: 'Region', value: ({ region }) => region, show: ({ region }) => region ?? 'any' },
          {
            title: 'Cost of a unit',
            value: ({ unitCost }) => unitCost,
            show: ({ unitCost, currency }) => <Money amount={unitCost} currency={currency} />,
            isNumber: true,
          },
          { title: 'Currency', value: ({ currency }) => currency },
          IN_FORCE,
          ...(mayWrite
            ? [
                correctionColumn((rate: Parameters<typeof nameOf>[0]) => `${nameOf(rate)} from ${rate.effectiveFrom}`, {
                  correct: (rate) => {
                    ask(costRateChange(rate, shown));
                  },
                  withdraw: (rate) => {
                    ask(costRateWithdrawal(rate, shown));
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
