import { Text } from '@mantine/core';
import { decimal } from '#domain/money/decimal';
import type { Margin, Preview } from '../../../../clients/typescript/ledgerline.ts';
import { isZero, monthText } from '../formats.ts';
import { Money } from './states.tsx';
import { DataTable } from './table.tsx';
import { TENANT } from './named.tsx';

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
      {of.addressees !== undefined && <AddresseeChanges addressees={of.addressees} />}
      {of.alerts !== undefined && <AlertChanges alerts={of.alerts} />}
      {of.thresholds !== undefined && <ThresholdChanges thresholds={of.thresholds} />}
      <DataTable
        name="preview by tenant"
        rows={of.byTenant}
        keyOf={(each) => `${each.tenantId} ${each.currency}`}
        empty="No amount changes."
        columns={[
          TENANT,
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
          TENANT,
          ...(
            [
              ['Before', 'before'],
              ['After', 'after'],
              ['Difference', 'difference'],
            ] as const
          ).map(([title, name]) => ({
            title,
            value: (line: Preview['lines'][number]) => line[name],
            show: (line: Preview['lines'][number]) => <Money amount={line[name]} currency={line.currency} />,
            isNumber: true,
          })),
        ]}
      />
    </>
  );
}

/** The margin of a month before and after a change. */
function MarginChange({ of: { before, after } }: { readonly of: NonNullable<Preview['margin']> }) {
  const figures = (
    [
      ['Revenue', 'revenue'],
      ['Cost', 'cogs'],
      ['Margin', 'margin'],
    ] as const
  ).map(([title, name]) => ({ title, before: before.overall[name], after: after.overall[name] }));
  const estimates = (
    [
      ['Estimated cost, not billed yet', 'estimatedCost'],
      ['Margin with the estimate', 'marginWithEstimate'],
    ] as const
  ).map(([title, name]) => ({ title, before: before.estimate[name], after: after.estimate[name] }));
  const isEstimated = [before, after].some(({ estimate }) => !isZero(estimate.estimatedCost));
  const rows = isEstimated ? [...figures, ...estimates] : figures;
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
      <TenantMargins before={before} after={after} />
    </>
  );
}

/** The tenants whose margin changes. */
function TenantMargins({ before, after }: NonNullable<Preview['margin']>) {
  const marginOf = ({ byTenant }: Margin, id: string): string =>
    byTenant.find(({ tenantId }) => tenantId === id)?.margin ?? '0';
  const rows = [...new Set([...before.byTenant, ...after.byTenant].map(({ tenantId }) => tenantId))]
    .map((tenantId) => ({ tenantId, before: marginOf(before, tenantId), after: marginOf(after, tenantId) }))
    .filter((row) => !decimal(row.before).eq(decimal(row.after)));
  if (rows.length === 0) return null;
  return (
    <DataTable
      name="margin by tenant before and after"
      rows={rows}
      keyOf={({ tenantId }) => tenantId}
      empty=""
      columns={[
        TENANT,
        { title: 'Before', value: (row) => row.before, currency: before.currency },
        { title: 'After', value: (row) => row.after, currency: after.currency },
      ]}
    />
  );
}

/** The invoices that other payers address to another. */
function AddresseeChanges({ addressees }: { readonly addressees: NonNullable<Preview['addressees']> }) {
  const isIssued = addressees.some(({ number }) => number !== null);
  return (
    <>
      <DataTable
        name="addressees that would change"
        rows={addressees}
        keyOf={(each) => JSON.stringify(each)}
        empty="No invoice would be addressed to another."
        columns={[
          { title: 'Invoice', value: ({ number, status }) => number ?? status },
          { ...TENANT, title: 'Billed tenant' },
          { title: 'Currency', value: ({ currency }) => currency },
          { title: 'Addressed to', value: ({ before, tenantId }) => before ?? tenantId },
          {
            title: 'Would be addressed to',
            value: ({ after, number, tenantId }) =>
              number === null ? (after ?? tenantId) : `${after ?? tenantId}, if it were issued now`,
          },
        ]}
      />
      {isIssued && (
        <Text size="sm">
          An issued invoice stays addressed as it is. To address it to another, void it and bill it again.
        </Text>
      )}
    </>
  );
}

/** What the worker would raise or clear by the rules that are changed. */
function AlertChanges({ alerts }: { readonly alerts: NonNullable<Preview['alerts']> }) {
  return (
    <DataTable
      name="alerts that would change"
      rows={alerts}
      keyOf={(each) => JSON.stringify(each)}
      empty="No alert would be raised or cleared."
      columns={[
        { title: 'Rule', value: ({ alertId }) => alertId },
        { title: 'Period', value: ({ period }) => period },
        TENANT,
        {
          title: 'Cost of',
          value: ({ provider, kind }) => (provider === null ? null : `${provider} ${kind ?? ''}`),
        },
        { title: 'Would be', value: ({ change }) => change },
        { title: 'Value', value: ({ value }) => value, isNumber: true },
      ]}
    />
  );
}

/** What the worker would record of the budgets that are changed. */
export function ThresholdChanges({ thresholds }: { readonly thresholds: NonNullable<Preview['thresholds']> }) {
  return (
    <DataTable
      name="thresholds that would change"
      rows={thresholds}
      keyOf={(each) => JSON.stringify(each)}
      empty="No threshold would be reached or undone."
      columns={[
        { title: 'Budget', value: ({ budgetId }) => budgetId },
        TENANT,
        { title: 'Month', value: ({ month }) => month },
        { title: 'Threshold %', value: ({ threshold }) => threshold, isNumber: true },
        { title: 'Would be', value: ({ change }) => change },
        { title: 'Value', value: ({ value }) => value, isNumber: true },
        { title: 'Limit', value: ({ limit }) => limit, isNumber: true },
      ]}
    />
  );
}
