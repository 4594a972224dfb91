import { Button, Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import type {
  OpenItem,
  OpenList,
  ReconciledBill,
  Reconciliation,
} from '../../../../../clients/typescript/ledgerline.ts';
import { useAnswer, useList } from '../../answers.ts';
import { monthText, quantityText } from '../../formats.ts';
import { useMoment } from '../../moment.ts';
import { changeColumn, useFactChange } from '../../parts/change-fact.tsx';
import { Answered, Figures, Section, Status } from '../../parts/states.tsx';
import { DataTable, Explain, type More, moreOf, To } from '../../parts/table.tsx';
import { useTenants } from '../../tenants.ts';
import { useMay } from '../../session.tsx';
import { totalChange, totalWithdrawal } from './change-total.tsx';
import { type Shown } from './figures.tsx';

/** A month against paper: the invoices of providers, what was issued, and what is missing on one side. */
export function ReconciledMonth({ month, currency }: Shown) {
  const reconciled = useAnswer('reconciliation', { period: month, currency, first: 100 });
  return (
    <Answered answer={reconciled}>
      {(of) => (
        <Stack>
          <Section title={`Invoices of providers, ${monthText(month)}`}>
            <Bills of={of} month={month} />
          </Section>
          <Section title="Issued against revenue">
            <Issued of={of} />
          </Section>
          <Section title="What is missing">
            <DataTable
              name="what is missing"
              rows={of.lists}
              keyOf={({ list }) => LISTS[list]}
              isPlain
              inner={(list) => <Items of={list} month={month} currency={currency} />}
              empty=""
              columns={[
                { title: 'List', value: ({ list }) => LISTS[list] },
                { title: 'Count', value: ({ count }) => count, isNumber: true },
                { title: 'Cost', value: ({ amount }) => amount, currency },
                { title: 'What to do', value: ({ count, remedy }) => (count === 0 ? 'Nothing' : remedy) },
              ]}
            />
          </Section>
        </Stack>
      )}
    </Answered>
  );
}

const LISTS: Readonly<Record<OpenList['list'], string>> = {
  kinds_not_metered: 'Kinds that metering skips',
  kinds_not_mapped: 'Kinds not mapped to billing kinds',
  usage_without_price: 'Usage without a price',
  usage_unbilled: 'Usage not billed',
  cost_without_inventory: 'Cost of unknown resources',
  inventory_without_cost: 'Resources without cost',
  usage_without_cost: 'Usage without cost',
  cost_without_usage: 'Cost without usage',
};

function Bills({ of: { provider, currency }, month }: { readonly of: Reconciliation; readonly month: string }) {
  const [isAll, setIsAll] = useState(false);
  return (
    <Stack>
      <Figures
        of={[
          ['Imported, with tax', provider.total],
          ['Totals recorded', provider.stated],
          ['Difference', provider.difference],
          ['Difference of tax', provider.taxDifference],
        ]}
        currency={currency}
      />
      {isAll ? (
        <AllBills month={month} currency={currency} />
      ) : (
        <BillTable bills={provider.items} month={month} currency={currency} />
      )}
      {!isAll && provider.count > provider.items.length && <ShowAll count={provider.count} show={setIsAll} />}
    </Stack>
  );
}

function AllBills({ month, currency }: Shown) {
  const all = useList('reconciliationInvoices', { period: month, currency });
  return (
    <Answered answer={all}>
      {(bills) => <BillTable bills={bills} month={month} currency={currency} more={moreOf(all, (rows) => rows)} />}
    </Answered>
  );
}

function BillTable({
  bills,
  month,
  currency,
  more,
}: Shown & {
  readonly bills: readonly ReconciledBill[];
  readonly more?: More<ReconciledBill> | undefined;
}) {
  const { asOf } = useMoment();
  const mayWrite = useMay('platform_admin') && asOf === undefined;
  const { ask, dialog } = useFactChange();
  const shown: Shown = { month, currency };
  const actionsOf = (bill: ReconciledBill): readonly (readonly [string, () => void])[] => [
    [
      bill.stated === null ? 'Record total' : 'Correct total',
      () => {
        ask(totalChange(bill, shown));
      },
    ],
    ...(bill.stated === null
      ? []
      : [
          [
            'Withdraw total',
            () => {
              ask(totalWithdrawal(bill, shown));
            },
          ] as const,
        ]),
  ];
  return (
    <>
      {mayWrite && (
        <Group>
          <Button
            size="xs"
            variant="default"
            onClick={() => {
              ask(totalChange(null, shown));
            }}
          >
            Record another total
          </Button>
        </Group>
      )}
      <DataTable
        name="provider invoices"
        rows={bills}
        keyOf={(each) => `${each.provider} ${each.invoiceRef}`}
        empty="No provider invoice is of this month. Import the bill with backfill costs."
        more={more}
        columns={[
          { title: 'Provider', value: (each) => each.provider },
          { title: 'Invoice', value: (each) => each.invoiceRef },
          {
            title: 'Status',
            value: ({ status }) => status,
            show: ({ status }) => <Status of={status} />,
          },
          { title: 'Lines', value: (each) => each.lines, isNumber: true },
          { title: 'Imported', value: (each) => each.total, currency },
          { title: 'Recorded total', value: (each) => each.stated?.total ?? null, currency },
          { title: 'Difference', value: (each) => each.difference, currency },
          { title: 'Difference of tax', value: (each) => each.taxDifference, currency },
          { title: 'What to do', value: ({ remedy }) => remedy ?? 'Nothing' },
          ...(mayWrite
            ? [changeColumn(({ provider, invoiceRef }: ReconciledBill) => `of ${provider} ${invoiceRef}`, actionsOf)]
            : []),
        ]}
      />
      {dialog}
    </>
  );
}

function Issued({ of: { issued, currency } }: { readonly of: Reconciliation }) {
  const { nameOf } = useTenants();
  return (
    <Stack>
      <Figures
        of={[
          ['Issued, before tax', issued.issued],
          ['Revenue', issued.revenue],
          ['Difference', issued.difference],
        ]}
        currency={currency}
      />
      {issued.remedy !== null && <Text size="sm">{issued.remedy}</Text>}
      <DataTable
        name="issued against revenue"
        rows={issued.items}
        keyOf={({ tenantId }) => tenantId}
        empty="What is issued and the revenue are equal for each tenant."
        columns={[
          {
            title: 'Tenant',
            value: ({ tenantId }) => nameOf(tenantId),
            show: ({ tenantId }) => <To path={`/tenants/${encodeURIComponent(tenantId)}`}>{nameOf(tenantId)}</To>,
          },
          { title: 'Id', value: ({ tenantId }) => tenantId },
          { title: 'Issued', value: (each) => each.issued, currency },
          { title: 'Revenue', value: (each) => each.revenue, currency },
          { title: 'Difference', value: (each) => each.difference, currency },
        ]}
      />
    </Stack>
  );
}

/** The first items of a list, and all of them page by page if asked for. */
function Items({ of, month, currency }: Shown & { readonly of: OpenList }) {
  const [isAll, setIsAll] = useState(false);
  const name = LISTS[of.list];
  if (isAll) return <AllItems name={name} list={of.list} month={month} currency={currency} />;
  return (
    <>
      <ItemTable name={name} items={of.items} currency={currency} />
      {of.count > of.items.length && <ShowAll count={of.count} show={setIsAll} />}
    </>
  );
}

function ShowAll({ count, show }: { readonly count: number; readonly show: (isAll: boolean) => void }) {
  return (
    <Button
      mt="xs"
      size="xs"
      variant="default"
      onClick={() => {
        show(true);
      }}
    >
      {`Show all ${count}`}
    </Button>
  );
}

function AllItems({ name, list, month, currency }: Shown & { readonly name: string; readonly list: OpenList['list'] }) {
  const all = useList('reconciliationItems', { period: month, currency, list });
  return (
    <Answered answer={all}>
      {(items) => <ItemTable name={name} items={items} currency={currency} more={moreOf(all, (rows) => rows)} />}
    </Answered>
  );
}

/** The first cost lines, each as its invoice and its key. */
const linesText = ({ lines }: OpenItem): string | null =>
  lines === null ? null : lines.map(({ invoiceRef, lineKey }) => `${invoiceRef} / ${lineKey}`).join(', ');

/** The columns that an item of the list has. */
function ItemTable({
  name,
  items,
  currency,
  more,
}: {
  readonly name: string;
  readonly items: readonly OpenItem[];
  readonly currency: string;
  readonly more?: More<OpenItem> | undefined;
}) {
  const { nameOf } = useTenants();
  const columns = [
    {
      title: 'Tenant',
      of: 'tenantId',
      value: ({ tenantId }: OpenItem) => (tenantId === null ? null : nameOf(tenantId)),
    },
    { title: 'Tenant id', of: 'tenantId', value: ({ tenantId }: OpenItem) => tenantId },
    { title: 'Deployment', of: 'deploymentId', value: ({ deploymentId }: OpenItem) => deploymentId },
    { title: 'Provider', of: 'provider', value: ({ provider }: OpenItem) => provider },
    { title: 'Kind', of: 'kind', value: ({ kind }: OpenItem) => kind },
    { title: 'Resource', of: 'resourceId', value: ({ resourceId }: OpenItem) => resourceId },
    { title: 'Billing kind', of: 'billingKind', value: ({ billingKind }: OpenItem) => billingKind },
    {
      title: 'Line',
      of: 'lineId',
      value: ({ lineId }: OpenItem) => lineId,
      show: ({ lineId }: OpenItem) => (lineId === null ? '–' : <Explain id={lineId}>{lineId.slice(0, 8)}</Explain>),
    },
    {
      title: 'Quantity',
      of: 'quantity',
      value: ({ quantity }: OpenItem) => quantity,
      show: ({ quantity }: OpenItem) => (quantity === null ? '–' : quantityText(quantity)),
      isNumber: true,
    },
    { title: 'Count', of: 'count', value: ({ count }: OpenItem) => count, isNumber: true },
    { ...{ title: 'Cost', value: ({ amount }: OpenItem) => amount, currency }, of: 'amount' },
    { title: 'Cost lines', of: 'lines', value: linesText },
    { title: 'Why', of: 'reason', value: ({ reason }: OpenItem) => reason },
  ] as const;
  return (
    <DataTable
      name={name}
      rows={items}
      keyOf={(item) => JSON.stringify(item)}
      empty="Nothing is missing."
      more={more}
      columns={columns.filter(({ of }) => items.some((item) => item[of] !== null))}
    />
  );
}
