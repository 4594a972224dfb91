import { SegmentedControl, Stack, Text } from '@mantine/core';
import { lazy, Suspense } from 'react';
import type { Margin } from '../../../../../clients/typescript/ledgerline.ts';
import { useAnswer } from '../../answers.ts';
import { isZero, monthOf, monthText } from '../../formats.ts';
import { useChoice } from '../../moment.ts';
import { Answered, Figure, Figures, Money, Section } from '../../parts/states.tsx';
import { DataTable, To } from '../../parts/table.tsx';
import { useTenants } from '../../tenants.ts';
import { Estimated, estimateColumns } from './estimated.tsx';
import { figureColumns, figuresOf, hasShared, type Shown, withoutDeployments } from './figures.tsx';
import { IdleOfMonth } from './idle.tsx';
import { Largest } from './largest.tsx';
import { MarginRows } from './rows.tsx';
import { DEPLOYMENT } from '../../parts/named.tsx';

const MonthBars = lazy(async () => ({ default: (await import('../../charts/month-bars.tsx')).MonthBars }));

/** Twelve months, and one of them by tenant, deployment and kind. */
export function Month({ month, currency }: Shown) {
  const margin = useAnswer('margin', withoutDeployments({ month, currency }));
  return (
    <Stack>
      <Trend month={month} currency={currency} />
      <Section title={monthText(month)}>
        <Answered answer={margin}>{(of) => <Parts of={of} />}</Answered>
      </Section>
    </Stack>
  );
}

function Trend({ month, currency }: Shown) {
  const end = new Date(`${month}-01T00:00:00Z`);
  const trend = useAnswer('marginTrend', { from: monthOf(end, -11), to: monthOf(end), currency });
  return (
    <Section title="Trend">
      <Answered answer={trend}>
        {({ months }) => (
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
                ...figureColumns(currency, hasShared(months)),
                { title: 'Coverage %', value: (each) => each.coveragePct, isNumber: true },
                ...(months.some((each) => !isZero(each.estimatedCost)) ? estimateColumns(currency) : []),
              ]}
            />
          </>
        )}
      </Answered>
    </Section>
  );
}

/** By what the parts of a margin are divided. */
const DIVISIONS = ['tenant', 'deployment', 'kind'] as const;

function Parts({ of }: { readonly of: Margin }) {
  const { currency, overall, unattributed, idle, shared } = of;
  const [by, setBy] = useChoice('by', DIVISIONS, 'tenant');
  const isShared = shared.length > 0;
  return (
    <Stack>
      <Figures of={figuresOf(isShared).map(([title, name]) => [title, overall[name]] as const)} currency={currency}>
        <Figure title={isShared ? 'Loaded margin %' : 'Margin %'}>{overall.marginPct ?? '–'}</Figure>
        <Figure title="Cost of no tenant">
          <Money amount={unattributed.cogs} currency={currency} />
        </Figure>
        <Figure title="Idle cost">
          <Money amount={idle.cogs} currency={currency} />
        </Figure>
      </Figures>
      <SegmentedControl
        aria-label="Margin by"
        value={by}
        onChange={setBy}
        data={[...DIVISIONS]}
        style={{ alignSelf: 'flex-start' }}
      />
      {by === 'tenant' && <ByTenant of={of} isShared={isShared} />}
      {by === 'deployment' && <WithDeployments of={of} isShared={isShared} />}
      {by === 'kind' && <ByKind of={of} />}
      <OfNoTenant of={of} />
      <IdleOfMonth of={of} />
      <Estimated of={of} />
    </Stack>
  );
}

interface PartsOf {
  readonly of: Margin;
  readonly isShared: boolean;
}

/** What explain calls the margin of a month, of all tenants or one. */
const idOf = ({ period, currency }: Margin, tenantId?: string): string =>
  `margin:${period}/${currency}${tenantId === undefined ? '' : `/${encodeURIComponent(tenantId)}`}`;

const FIGURES_DRAWN = ['revenue', 'cogs', 'margin'] as const;
const REVENUE_DRAWN = ['revenue'] as const;
const COST_DRAWN = ['cogs'] as const;

/** The row that a bar opens. */
type Opened = { readonly key: string } | null;

function ByTenant({ of, isShared }: PartsOf) {
  const { nameOf } = useTenants();
  const keyOf = ({ tenantId }: Margin['byTenant'][number]): string => tenantId;
  const table = (opened: Opened) => (
    <DataTable
      name="margin by tenant"
      rows={of.byTenant}
      keyOf={keyOf}
      opened={opened}
      inner={({ tenantId }) => <MarginRows id={idOf(of, tenantId)} currency={of.currency} />}
      empty="No tenant had revenue or cost in this month. Issue invoices, and import the provider's bill."
      columns={[
        {
          title: 'Tenant',
          value: (each) => nameOf(each.tenantId),
          show: ({ tenantId }) => <To path={`/tenants/${encodeURIComponent(tenantId)}`}>{nameOf(tenantId)}</To>,
        },
        { title: 'Id', value: (each) => each.tenantId },
        ...figureColumns(of.currency, isShared),
      ]}
    />
  );
  return (
    <Largest
      of="tenants"
      rows={of.byTenant}
      keyOf={keyOf}
      titleOf={({ tenantId }) => nameOf(tenantId)}
      names={FIGURES_DRAWN}
      currency={of.currency}
      table={table}
    />
  );
}

/** There may be many deployments: only this view asks for them. */
function WithDeployments({ of: { period, currency }, isShared }: PartsOf) {
  const margin = useAnswer('margin', { period, currency });
  return <Answered answer={margin}>{(of) => <ByDeployment of={of} isShared={isShared} />}</Answered>;
}

function ByDeployment({ of, isShared }: PartsOf) {
  const { nameOf } = useTenants();
  const keyOf = ({ tenantId, deploymentId }: Margin['byDeployment'][number]): string =>
    `${tenantId} ${deploymentId ?? 'without a deployment'}`;
  const table = (opened: Opened) => (
    <DataTable
      name="margin by deployment"
      rows={of.byDeployment}
      keyOf={keyOf}
      opened={opened}
      inner={({ tenantId, deploymentId }) => (
        <MarginRows
          id={idOf(of, tenantId)}
          name={deploymentId ?? `${tenantId} without a deployment`}
          currency={of.currency}
          choice={deploymentId === null ? { without: 'deployment' } : { deploymentId }}
        />
      )}
      empty="No deployment had revenue or cost in this month. Issue invoices, and import the provider's bill."
      columns={[
        DEPLOYMENT,
        { title: 'Tenant', value: (each) => nameOf(each.tenantId) },
        { title: 'Tenant id', value: (each) => each.tenantId },
        ...figureColumns(of.currency, isShared),
      ]}
    />
  );
  return (
    <Largest
      of="deployments"
      rows={of.byDeployment}
      keyOf={keyOf}
      titleOf={({ tenantId, deploymentId }) => deploymentId ?? `${nameOf(tenantId)} without a deployment`}
      names={FIGURES_DRAWN}
      currency={of.currency}
      table={table}
    />
  );
}

function ByKind({ of }: { readonly of: Margin }) {
  const revenueKey = ({ billingKind }: Margin['byKind']['revenue'][number]): string => `revenue of ${billingKind}`;
  const costKey = ({ kind }: Margin['byKind']['cogs'][number]): string => `cost of ${kind}`;
  const revenue = (opened: Opened) => (
    <DataTable
      name="revenue by billing kind"
      rows={of.byKind.revenue}
      keyOf={revenueKey}
      opened={opened}
      inner={({ billingKind }) => (
        <MarginRows
          id={idOf(of)}
          name={billingKind}
          currency={of.currency}
          choice={{ billingKind }}
          lists={['revenue']}
        />
      )}
      empty="There was no revenue in this month. Issue invoices."
      columns={[
        { title: 'Billing kind', value: (each) => each.billingKind },
        { title: 'Revenue', value: (each) => each.revenue, currency: of.currency },
      ]}
    />
  );
  const cost = (opened: Opened) => (
    <DataTable
      name="cost by kind of resource"
      rows={of.byKind.cogs}
      keyOf={costKey}
      opened={opened}
      inner={({ kind }) => (
        <MarginRows id={idOf(of)} name={kind} currency={of.currency} choice={{ kind }} lists={['costs']} />
      )}
      empty="There was no cost in this month. Import the provider's bill."
      columns={[
        { title: 'Kind of the provider', value: (each) => each.kind },
        { title: 'Cost', value: (each) => each.cogs, currency: of.currency },
      ]}
    />
  );
  return (
    <>
      <Largest
        of="billing kinds"
        rows={of.byKind.revenue}
        keyOf={revenueKey}
        titleOf={({ billingKind }) => billingKind}
        names={REVENUE_DRAWN}
        currency={of.currency}
        table={revenue}
      />
      <Largest
        of="kinds of the provider"
        rows={of.byKind.cogs}
        keyOf={costKey}
        titleOf={({ kind }) => kind}
        names={COST_DRAWN}
        currency={of.currency}
        table={cost}
      />
    </>
  );
}

/** Cost that no tenant bears, down to its lines. */
function OfNoTenant({ of }: { readonly of: Margin }) {
  const { currency, unattributed } = of;
  if (isZero(unattributed.cogs) && isZero(unattributed.directCogs))
    return <Text c="dimmed">A tenant bears each cost of this month.</Text>;
  return (
    <Section title="Cost of no tenant">
      <Text size="sm" mb="xs">
        Record who holds the resources, correct the lines, or share the cost under Shared cost.
      </Text>
      <DataTable
        name="what no tenant bears"
        rows={[unattributed]}
        keyOf={() => 'the cost of no tenant'}
        isPlain
        inner={() => (
          <MarginRows
            id={idOf(of)}
            name="no tenant"
            currency={currency}
            choice={{ without: 'tenant' }}
            lists={['costs', 'shared']}
          />
        )}
        empty=""
        columns={[
          { title: 'Tenant', value: () => 'None' },
          { title: 'Direct cost', value: (each) => each.directCogs, currency },
          { title: 'Shared cost without a tenant', value: (each) => each.sharedCogs, currency },
          { title: 'Cost', value: (each) => each.cogs, currency },
        ]}
      />
    </Section>
  );
}
