import { Button, Group, Text } from '@mantine/core';
import type { Budget } from '../../../../clients/typescript/ledgerline.ts';
import { useList } from '../answers.ts';
import { isMonthText, monthOf, moneyText, quantityText } from '../formats.ts';
import { useMoment, useParam } from '../moment.ts';
import {
  correctionColumn,
  type FactChange,
  given,
  periodFields,
  periodIn,
  useFactChange,
  withdrawalOf,
} from '../parts/change-fact.tsx';
import { ThresholdChanges } from '../parts/changes.tsx';
import { listIn } from '../parts/inputs.ts';
import { MonthInput } from '../parts/month-input.tsx';
import { During, Section } from '../parts/states.tsx';
import { Explain, ListTable } from '../parts/table.tsx';
import { useIsStaff, useMay } from '../session.tsx';

/** An amount in its currency, or a quantity. */
const valueText = (value: string, { currency }: Budget): string =>
  currency === null ? quantityText(value) : moneyText(value, currency);

interface OfTenant {
  readonly tenantId: string;
  readonly zone: string;
}

/** What a tenant may owe or use in a month, and how much of it is reached. */
export function Budgets({ tenantId, zone }: OfTenant) {
  const { asOf } = useMoment();
  const mayWrite = useMay('platform_admin', 'operator') && asOf === undefined;
  const [month, setMonth] = useParam('budgetMonth', '');
  const budgets = useList('budgets', { tenantId, ...(isMonthText(month) ? { month } : {}) });
  const { ask, dialog } = useFactChange();
  return (
    <Section title="Budgets">
      <Group align="end" mb="xs">
        <MonthInput label="Month (empty: now)" month={month} set={setMonth} isOptional />
        {mayWrite && (
          <Button
            onClick={() => {
              ask(budgetChange(tenantId, null));
            }}
          >
            Set a budget
          </Button>
        )}
      </Group>
      <ListTable
        name="budgets"
        list={budgets}
        keyOf={({ budgetId }) => budgetId}
        empty={`No budget is in force in this month.${mayWrite ? ' Set one, or choose another month.' : ''}`}
        columns={[
          { title: 'Budget', value: ({ budgetId }) => budgetId },
          { title: 'Month', value: (budget) => budget.month },
          { title: 'Of', value: ({ billingKind }) => billingKind ?? 'amount before tax and credits' },
          { title: 'Limit', value: ({ limit }) => limit, show: (each) => valueText(each.limit, each), isNumber: true },
          { title: 'So far', value: ({ value }) => value, show: (each) => valueText(each.value, each), isNumber: true },
          { title: 'Reached %', value: ({ percent }) => percent, isNumber: true },
          { title: 'Thresholds', value: thresholdsText, show: (budget) => <Thresholds of={budget} /> },
          {
            title: 'In force',
            value: ({ effectiveFrom }) => effectiveFrom,
            show: ({ effectiveFrom: start, effectiveUntil: end }) => <During of={{ start, end }} timeZone={zone} />,
          },
          ...(mayWrite
            ? [
                correctionColumn(({ budgetId }: Budget) => `budget ${budgetId}`, {
                  correct: (budget) => {
                    ask(budgetChange(tenantId, budget));
                  },
                  withdraw: (budget) => {
                    ask(budgetWithdrawal(budget));
                  },
                }),
              ]
            : []),
        ]}
      />
      {dialog}
    </Section>
  );
}

type Threshold = Budget['thresholds'][number];

const thresholdText = ({ percent, isReached }: Threshold): string =>
  `${percent} % ${isReached ? 'reached' : 'not reached'}`;

const thresholdsText = ({ thresholds }: Budget): string => thresholds.map(thresholdText).join(', ');

/** Each with the event that the worker recorded of it. */
function Thresholds({ of }: { readonly of: Budget }) {
  const isStaff = useIsStaff();
  return of.thresholds.map((each) => (
    <Text key={each.percent} size="sm" fw={each.isReached ? 700 : 400}>
      {thresholdText(each)}
      {isStaff && each.recorded !== null && (
        <>
          {', '}
          <Explain id={String(each.recorded.undoneAt ?? each.recorded.reachedAt)}>{each.recorded.state}</Explain>
        </>
      )}
    </Text>
  ));
}

const RECORDED = 'The budget is recorded. The worker compares with it within seconds.';
const [AMOUNT, QUANTITY] = ['an amount', 'a quantity'];

/** A budget is set, or corrected over a period as a whole. null: a new one. */
function budgetChange(tenantId: string, of: Budget | null): FactChange {
  const command = of === null ? ('set-budget' as const) : ('correct-budget' as const);
  const isQuantity = of !== null && of.billingKind !== null;
  return {
    title: of === null ? 'Set a budget' : `Correct the budget ${of.budgetId}`,
    note: 'What the tenant may owe, or use of a billing kind, each calendar month. No usage is refused above it.',
    fields: [
      ...(of === null ? [{ name: 'budgetId', label: 'Name of the budget', value: '' }] : []),
      { name: 'of', label: 'Limit of', value: isQuantity ? QUANTITY : AMOUNT, choices: [AMOUNT, QUANTITY] },
      { name: 'amount', label: 'Amount a month', value: isQuantity ? '' : (of?.limit ?? '') },
      { name: 'billingKind', label: 'Billing kind', value: of?.billingKind ?? '' },
      { name: 'quantity', label: 'Quantity a month', value: isQuantity ? of.limit : '' },
      {
        name: 'thresholds',
        label: 'Thresholds in percent, with commas between',
        value: of === null ? '50, 80, 100' : of.thresholds.map(({ percent }) => percent).join(', '),
      },
      ...periodFields(of ?? { effectiveFrom: `${monthOf(new Date())}-01T00:00:00Z`, effectiveUntil: null }),
    ],
    isShown: (name, { of: chosen }) =>
      name === 'amount'
        ? chosen === AMOUNT
        : name === 'billingKind' || name === 'quantity'
          ? chosen === QUANTITY
          : true,
    margin: null,
    show: ({ thresholds = [] }) => <ThresholdChanges thresholds={thresholds} />,
    commandOf: (values, reason) => ({
      ...{ command, tenantId, budgetId: of?.budgetId ?? values['budgetId'] ?? '', reason },
      ...given(values, 'amount', 'billingKind', 'quantity'),
      thresholds: listIn(values['thresholds'] ?? ''),
      ...periodIn(values),
    }),
    recorded: RECORDED,
  };
}

const budgetWithdrawal = ({ tenantId, budgetId, effectiveFrom }: Budget): FactChange =>
  withdrawalOf(
    'set-budget',
    { tenantId, budgetId, effectiveFrom },
    {
      ...{ noun: 'budget', named: `the budget ${budgetId}`, margin: null, recorded: RECORDED },
      show: ({ thresholds = [] }) => <ThresholdChanges thresholds={thresholds} />,
    },
  );
