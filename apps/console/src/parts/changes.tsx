import { Text } from '@mantine/core';
import type { Preview } from '../../../../clients/typescript/ledgerline.ts';
import { monthText } from '../formats.ts';
import { Money } from './states.tsx';
import { DataTable } from './table.tsx';

/** What a correction would change: in all, by tenant, by invoice, and in the margin of a month. */
export function Changes({ of }: { readonly of: Preview }) {
  const currency = of.byTenant[0]?.currency;
  return (
    <>
      <Text>
        {'In all '}
        {of.total === null && 'several currencies'}
        {of.total !== null && (currency === undefined ? 'nothing' : <Money amount={of.total} currency={currency} />)}
        {`, before tax, on ${of.lines.length} lines.`}
      </Text>
      {of.margin !== undefined && <MarginChange of={of.margin} />}
      <DataTable
        name="preview by tenant"
        rows={of.byTenant}
        keyOf={(each) => `${each.tenantId} ${each.currency}`}
        empty="No amount changes."
        columns={[
          { title: 'Tenant', value: ({ tenantId }) => tenantId },
          {
            title: 'Difference',
            value: ({ difference }) => difference,
            show: (each) => <Money amount={each.difference} currency={each.currency} />,
            isNumber: true,
          },
          {
            title: 'Tax',
            value: ({ taxDifference }) => taxDifference,
            show: (each) => <Money amount={each.taxDifference} currency={each.currency} />,
            isNumber: true,
          },
        ]}
      />
      <DataTable
        name="preview by invoice"
        rows={of.lines}
        keyOf={(each) => `${each.lineId} ${each.invoiceId}`}
        empty=""
        columns={[
          { title: 'Invoice', value: ({ number }) => number ?? 'open' },
          { title: 'Tenant', value: ({ tenantId }) => tenantId },
          { title: 'Before', value: ({ before }) => before, isNumber: true },
          { title: 'After', value: ({ after }) => after, isNumber: true },
          { title: 'Difference', value: ({ difference }) => difference, isNumber: true },
        ]}
      />
    </>
  );
}

function MarginChange({ of: { before, after } }: { readonly of: NonNullable<Preview['margin']> }) {
  const rows = (
    [
      ['Revenue', 'revenue'],
      ['Cost', 'cogs'],
      ['Margin', 'margin'],
    ] as const
  ).map(([title, name]) => ({ title, before: before.overall[name], after: after.overall[name] }));
  return (
    <>
      <Text fw={600}>{`Margin of ${monthText(before.period)}`}</Text>
      <DataTable
        name="margin before and after"
        rows={rows}
        keyOf={({ title }) => title}
        empty=""
        isPlain
        columns={[
          { title: 'Figure', value: ({ title }) => title },
          {
            title: 'Before',
            value: (row) => row.before,
            show: (row) => <Money amount={row.before} currency={before.currency} />,
            isNumber: true,
          },
          {
            title: 'After',
            value: (row) => row.after,
            show: (row) => <Money amount={row.after} currency={after.currency} />,
            isNumber: true,
          },
        ]}
      />
    </>
  );
}
