import { Checkbox, Text } from '@mantine/core';
import { useState } from 'react';
import { decimal, sum, text } from '#domain/money/decimal';
import type { Line } from '../../../../clients/typescript/ledgerline.ts';
import { useAnswer, useEveryPage, useList } from '../answers.ts';
import { isZero } from '../formats.ts';
import { useNamed } from '../moment.ts';
import { Answered, During, Figure, Money, Page, Section } from '../parts/states.tsx';
import { ListTable, QUANTITY } from '../parts/table.tsx';
import { TenantUsageChart } from '../parts/usage-chart.tsx';
import { BASE_FEE } from '../prices.ts';
import { useSession } from '../session.tsx';
import { Account } from './account.tsx';
import { Budgets } from './budgets.tsx';
import { Commitments } from './commitments.tsx';
import { MarginOf } from './tenant-margin.tsx';
import { InvoiceList } from './invoices.tsx';
import { Payers } from './payers.tsx';
import { Subscriptions } from './subscriptions.tsx';
import { DEPLOYMENT } from '../parts/named.tsx';

export function TenantPage() {
  const id = useNamed();
  return <Tenant tenantId={id} />;
}

/** What a tenant sees of itself. */
export function Own() {
  const { tenantId } = useSession();
  return tenantId === null ? null : <Tenant tenantId={tenantId} />;
}

function Tenant({ tenantId }: { readonly tenantId: string }) {
  const { role } = useSession();
  const tenants = useAnswer('tenants', role === 'tenant' ? {} : { tenantId });
  return (
    <Answered answer={tenants}>
      {({ items }) => {
        const tenant = items.find((each) => each.tenantId === tenantId);
        if (tenant === undefined) return <Text>{`There is no tenant ${tenantId} at this moment.`}</Text>;
        const currencies = [...new Set([tenant.currency, ...tenant.currencies])];
        return (
          <Page title={tenant.name ?? tenant.tenantId}>
            <Text size="sm" c="dimmed">
              {[tenant.tenantId, currencies.join(', '), tenant.timeZone, tenant.address, tenant.taxNumber, tenant.email]
                .filter((each) => each !== null && each !== '')
                .join(' · ')}
            </Text>
            <Gathering tenantId={tenantId} zone={tenant.timeZone} />
            <Subscriptions tenantId={tenantId} currencies={currencies} zone={tenant.timeZone} />
            <Commitments tenantId={tenantId} zone={tenant.timeZone} />
            <Section title="Usage this month">
              <TenantUsageChart tenantId={tenantId} />
            </Section>
            {role === 'platform_admin' && <MarginOf tenantId={tenantId} currency={tenant.currency} />}
            <Budgets tenantId={tenantId} zone={tenant.timeZone} />
            <Payers tenantId={tenantId} zone={tenant.timeZone} />
            <Section title="Invoices">
              <InvoiceList tenantId={tenantId} />
            </Section>
            <Account tenantId={tenantId} currencies={currencies} zone={tenant.timeZone} />
            <Credits tenantId={tenantId} zone={tenant.timeZone} />
          </Page>
        );
      }}
    </Answered>
  );
}

/** What the lines come to so far, in each currency. */
function Accrued({ lines }: { readonly lines: readonly Line[] }) {
  return (
    <div className="figures">
      {[...Map.groupBy(lines, ({ currency }) => currency)].map(([currency, own]) => (
        <Figure key={currency} title="Not billed yet, before tax">
          <Money amount={text(sum(own.map(({ net }) => decimal(net))))} currency={currency} />
        </Figure>
      ))}
    </div>
  );
}

/** Nothing was used, or the fee is 0. */
const isEmpty = ({ billingKind, quantity, net, quarantine }: Line): boolean =>
  quarantine === null && isZero(net) && (billingKind === BASE_FEE || isZero(quantity));

/** What no invoice bills yet, as it is rated now. */
function Gathering({ tenantId, zone }: { readonly tenantId: string; readonly zone: string }) {
  const lines = useList('lines', { tenantId, status: 'valid', billed: 'false' });
  const [hasEmpty, setHasEmpty] = useState(false);
  // The first lines are shown at once. What they come to is known once all are there.
  useEveryPage(lines);
  return (
    <Section title="Gathering now">
      {lines.data !== undefined && !lines.hasNextPage && <Accrued lines={lines.data} />}
      {lines.hasNextPage && <Text c="dimmed">{`Adding up more than ${lines.data?.length ?? 0} lines …`}</Text>}
      <Checkbox
        mb="xs"
        label="Also lines without usage and amount"
        checked={hasEmpty}
        onChange={(event) => {
          setHasEmpty(event.currentTarget.checked);
        }}
      />
      <ListTable
        list={lines}
        only={(line) => hasEmpty || !isEmpty(line)}
        name="gathering"
        keyOf={({ lineId }) => lineId}
        empty="Nothing is gathering: no subscription runs, or nothing was used."
        columns={[
          DEPLOYMENT,
          { title: 'Kind', value: ({ billingKind }) => billingKind },
          {
            title: 'Period',
            value: ({ period }) => `${period.start} – ${period.end}`,
            show: ({ period }) => <During of={period} timeZone={zone} />,
          },
          QUANTITY,
          {
            title: 'Net so far',
            value: ({ net }) => net,
            show: ({ net, currency }) => <Money amount={net} currency={currency} />,
            isNumber: true,
          },
          {
            title: 'Why not rated',
            value: ({ quarantine }) => quarantine?.message ?? '',
          },
        ]}
      />
    </Section>
  );
}

function Credits({ tenantId, zone }: { readonly tenantId: string; readonly zone: string }) {
  const credits = useAnswer('credits', { tenantId });
  return (
    <Section title="Credits and coupons">
      <Answered answer={credits}>
        {({ items }) => (
          <div className="figures">
            {items.length === 0 && <Text c="dimmed">None was granted.</Text>}
            {items.map(({ creditId, kind, currency, percent, left, period }) => (
              <Figure key={`${creditId} ${currency}`} title={`${kind} ${creditId}`}>
                {percent === undefined ? <Money amount={left ?? '0'} currency={currency} /> : `${percent} %`}
                <Text size="xs" c="dimmed">
                  <During of={period} timeZone={zone} />
                </Text>
              </Figure>
            ))}
          </div>
        )}
      </Answered>
    </Section>
  );
}
