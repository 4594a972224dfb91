import { SegmentedControl, Stack, TextInput } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { useAnswer } from '../answers.ts';
import { monthOf, monthText } from '../formats.ts';
import { useParam } from '../moment.ts';
import { Answered, Figure, Money, Page, Section } from '../parts/states.tsx';
import { DataTable, To } from '../parts/table.tsx';
import { useTenants } from '../tenants.ts';
import { changing } from '../parts/inputs.ts';

const MonthBars = lazy(async () => ({ default: (await import('../charts/month-bars.tsx')).MonthBars }));

/** Revenue against cost: twelve months, and one of them by tenant, deployment and kind. */
export function MarginPage() {
  const [month, setMonth] = useParam('month', monthOf(new Date()));
  const [by, setBy] = useParam('by', 'tenant');
  const isMonth = /^\d{4}-(0[1-9]|1[0-2])$/.test(month);
  const end = new Date(`${isMonth ? month : monthOf(new Date())}-01T00:00:00Z`);
  const trend = useAnswer('marginTrend', { from: monthOf(end, -11), to: monthOf(end) });
  const { nameOf } = useTenants();
  const margin = useAnswer('margin', isMonth ? { period: month } : null);
  return (
    <Page
      title="Margin"
      aside={
        <TextInput
          aria-label="Month"
          type="month"
          value={month}
          error={isMonth ? null : 'Enter a month such as 2026-04'}
          onChange={changing(setMonth)}
        />
      }
    >
      <Section title="Trend">
        <Answered answer={trend}>
          {({ currency, months }) => (
            <>
              <Suspense fallback="Loading the chart">
                <MonthBars months={months} currency={currency} />
              </Suspense>
              <DataTable
                name="trend"
                rows={months}
                keyOf={(each) => each.month}
                empty="No month was asked for."
                columns={[
                  { title: 'Month', value: (each) => each.month },
                  ...amounts(currency),
                  { title: 'Margin %', value: (each) => each.marginPct, isNumber: true },
                  { title: 'Coverage %', value: (each) => each.coveragePct, isNumber: true },
                ]}
              />
            </>
          )}
        </Answered>
      </Section>
      {isMonth && (
        <Answered answer={margin}>
          {({ currency, overall, byTenant, byDeployment, byKind, unattributed }) => (
            <>
              <Section title={monthText(month)}>
                <div className="figures">
                  <Figure title="Revenue">
                    <Money amount={overall.revenue} currency={currency} />
                  </Figure>
                  <Figure title="Cost">
                    <Money amount={overall.cogs} currency={currency} />
                  </Figure>
                  <Figure title="Margin">
                    <Money amount={overall.margin} currency={currency} />
                  </Figure>
                  <Figure title="Margin %">{overall.marginPct ?? '–'}</Figure>
                  <Figure title="Cost of no tenant">
                    <Money amount={unattributed.cogs} currency={currency} />
                  </Figure>
                </div>
              </Section>
              <SegmentedControl
                aria-label="Margin by"
                value={by}
                onChange={setBy}
                data={['tenant', 'deployment', 'kind']}
              />
              {by === 'tenant' && (
                <DataTable
                  name="margin by tenant"
                  rows={byTenant}
                  keyOf={(each) => each.tenantId}
                  inner={({ tenantId }) => (
                    <MarginRows id={`margin:${month}/${currency}/${tenantId}`} currency={currency} />
                  )}
                  empty="No tenant had revenue or cost in this month."
                  columns={[
                    {
                      title: 'Tenant',
                      value: (each) => nameOf(each.tenantId),
                      show: ({ tenantId }) => (
                        <To path={`/tenants/${encodeURIComponent(tenantId)}`}>{nameOf(tenantId)}</To>
                      ),
                    },
                    { title: 'Id', value: (each) => each.tenantId },
                    ...amounts(currency),
                    { title: 'Margin %', value: (each) => each.marginPct, isNumber: true },
                  ]}
                />
              )}
              {by === 'deployment' && (
                <DataTable
                  name="margin by deployment"
                  rows={byDeployment}
                  keyOf={(each) => `${each.tenantId} ${each.deploymentId}`}
                  inner={({ tenantId, deploymentId }) => (
                    <MarginRows
                      id={`margin:${month}/${currency}/${tenantId}`}
                      deploymentId={deploymentId}
                      currency={currency}
                    />
                  )}
                  empty="No deployment had revenue or cost in this month."
                  columns={[
                    { title: 'Deployment', value: (each) => each.deploymentId },
                    { title: 'Tenant', value: (each) => nameOf(each.tenantId) },
                    ...amounts(currency),
                    { title: 'Margin %', value: (each) => each.marginPct, isNumber: true },
                  ]}
                />
              )}
              {by === 'kind' && (
                <>
                  <DataTable
                    name="revenue by billing kind"
                    rows={byKind.revenue}
                    keyOf={(each) => each.billingKind}
                    empty="There was no revenue in this month."
                    columns={[
                      { title: 'Billing kind', value: (each) => each.billingKind },
                      {
                        title: 'Revenue',
                        value: (each) => each.revenue,
                        show: ({ revenue }) => <Money amount={revenue} currency={currency} />,
                        isNumber: true,
                      },
                    ]}
                  />
                  <DataTable
                    name="cost by kind of resource"
                    rows={byKind.cogs}
                    keyOf={(each) => each.kind}
                    empty="There was no cost in this month. Import the provider's bill."
                    columns={[
                      { title: 'Kind of the provider', value: (each) => each.kind },
                      {
                        title: 'Cost',
                        value: (each) => each.cogs,
                        show: ({ cogs }) => <Money amount={cogs} currency={currency} />,
                        isNumber: true,
                      },
                    ]}
                  />
                </>
              )}
            </>
          )}
        </Answered>
      )}
    </Page>
  );
}

/** The invoices and the cost lines that a margin is made of. `deploymentId`: only those of it. */
function MarginRows({
  id,
  deploymentId,
  currency,
}: {
  readonly id: string;
  readonly deploymentId?: string | null;
  readonly currency: string;
}) {
  const explained = useAnswer('explain', { id });
  const isOf = (each: { readonly deploymentId: string | null }): boolean =>
    deploymentId === undefined || each.deploymentId === deploymentId;
  return (
    <Answered answer={explained}>
      {(of) =>
        of.is !== 'margin' ? null : (
          <Stack gap="xs">
            <To path={`/explain/${encodeURIComponent(id)}`}>{of.arithmetic}</To>
            <DataTable
              name={`revenue of ${deploymentId ?? id}`}
              rows={of.revenue.filter(isOf)}
              keyOf={(each) => JSON.stringify([each.invoiceId, each.cause, each.deploymentId, each.billingKind])}
              empty="No invoice billed it."
              columns={[
                {
                  title: 'Invoice',
                  value: (each) => each.number ?? each.invoiceId,
                  show: (each) => (
                    <To path={`/invoices/${each.number ?? each.invoiceId}`}>{each.number ?? each.invoiceId}</To>
                  ),
                },
                { title: 'Cause', value: (each) => each.cause },
                { title: 'Deployment', value: (each) => each.deploymentId },
                { title: 'Kind', value: (each) => each.billingKind },
                amountIn('Revenue', currency),
              ]}
            />
            <DataTable
              name={`cost of ${deploymentId ?? id}`}
              rows={of.costs.filter(isOf)}
              keyOf={(each) => `${each.costLine} ${each.deploymentId} ${each.amount}`}
              empty="The provider billed nothing for it."
              columns={[
                { title: 'Cost line', value: (each) => each.costLine },
                { title: 'Kind', value: (each) => each.kind },
                { title: 'Deployment', value: (each) => each.deploymentId },
                {
                  title: 'File and row',
                  value: ({ file }) => (file === null ? null : `${file.file}, row ${file.row}`),
                },
                {
                  title: 'Event',
                  value: ({ event }) => event?.position ?? null,
                  show: ({ event }) =>
                    event === null ? '–' : <To path={`/explain/${event.position}`}>{event.position}</To>,
                  isNumber: true,
                },
                amountIn('Cost', currency),
              ]}
            />
          </Stack>
        )
      }
    </Answered>
  );
}

const amountIn = (title: string, currency: string) => ({
  title,
  value: ({ amount }: { readonly amount: string }) => amount,
  show: ({ amount }: { readonly amount: string }) => <Money amount={amount} currency={currency} />,
  isNumber: true,
});

interface Figures {
  readonly revenue: string;
  readonly cogs: string;
  readonly margin: string;
}

const amounts = (currency: string) =>
  (
    [
      ['Revenue', 'revenue'],
      ['Cost', 'cogs'],
      ['Margin', 'margin'],
    ] as const
  ).map(([title, of]) => ({
    title,
    value: (row: Figures) => row[of],
    show: (row: Figures) => <Money amount={row[of]} currency={currency} />,
    isNumber: true,
  }));
