import { Button, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import type { OpenItem, OpenList, Reconciliation } from '../../../../../clients/typescript/ledgerline.ts';
import { useAnswer } from '../../answers.ts';
import { monthText, quantityText } from '../../formats.ts';
import { Answered, Figures, Section, Status } from '../../parts/states.tsx';
import { DataTable, Explain, To } from '../../parts/table.tsx';
import { useTenants } from '../../tenants.ts';
import { type Shown } from './figures.tsx';

/** A month against paper: the invoices of providers, what was issued, and what is missing on one side. */
export function ReconciledMonth({ month, currency }: Shown) {
  const reconciled = useAnswer('reconciliation', { period: month, currency, first: 100 });
  return (
    <Answered answer={reconciled}>
      {(of) => (
        <Stack>
          <Section title={`Invoices of providers, ${monthText(month)}`}>
            <Bills of={of} />
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
  cost_without_inventory: 'Cost without a resource',
  inventory_without_cost: 'Resources without cost',
  usage_without_cost: 'Usage without cost',
  cost_without_usage: 'Cost without usage',
};

function Bills({ of: { provider, currency } }: { readonly of: Reconciliation }) {
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
      <DataTable
        name="provider invoices"
        rows={provider.items}
        keyOf={(each) => `${each.provider} ${each.invoiceRef}`}
        empty="No provider invoice is of this month. Import the bill with backfill costs."
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
        ]}
      />
      {provider.count > provider.items.length && (
        <Text size="sm">{`The first ${provider.items.length} of ${provider.count} invoices.`}</Text>
      )}
    </Stack>
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

/** As many as the API gives of a list. */
const MOST = 10_000;

/** The first items of a list, and all of them if asked for. */
function Items({ of, month, currency }: Shown & { readonly of: OpenList }) {
  const [isAll, setIsAll] = useState(false);
  const all = useAnswer('reconciliation', isAll ? { period: month, currency, list: of.list, first: MOST } : null);
  if (isAll)
    return (
      <Answered answer={all}>
        {({ lists }) => <ItemTable name={LISTS[of.list]} items={lists[0]?.items ?? []} currency={currency} />}
      </Answered>
    );
  return (
    <>
      <ItemTable name={LISTS[of.list]} items={of.items} currency={currency} />
      {of.count > of.items.length && (
        <Button
          mt="xs"
          size="xs"
          variant="default"
          onClick={() => {
            setIsAll(true);
          }}
        >
          {`Show all ${of.count}`}
        </Button>
      )}
    </>
  );
}

/** The columns that an item of the list has. */
function ItemTable({
  name,
  items,
  currency,
}: {
  readonly name: string;
  readonly items: readonly OpenItem[];
  readonly currency: string;
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
    { title: 'Why', of: 'reason', value: ({ reason }: OpenItem) => reason },
  ] as const;
  return (
    <DataTable
      name={name}
      rows={items}
      keyOf={(item) => JSON.stringify(item)}
      empty="Nothing is missing."
      columns={columns.filter(({ of }) => items.some((item) => item[of] !== null))}
    />
  );
}
