import { Group, Stack, Text, TextInput } from '@mantine/core';
import { lazy, Suspense } from 'react';
import type {
  BridgePart,
  BridgeStep,
  MarginBridge,
  TenantBridge,
} from '../../../../../clients/typescript/ledgerline.ts';
import { useAnswer } from '../../answers.ts';
import { isMonthText, instantText, isZero, monthOf, monthText, quantityText } from '../../formats.ts';
import { useParam } from '../../moment.ts';
import { changing } from '../../parts/inputs.ts';
import { TenantChooser } from '../../parts/chooser.tsx';
import { MonthInput } from '../../parts/month-input.tsx';
import { Answered, Figures, Section } from '../../parts/states.tsx';
import { DataTable, Explain } from '../../parts/table.tsx';
import { useTenants } from '../../tenants.ts';
import type { Shown } from './figures.tsx';
import { DEPLOYMENT } from '../../parts/named.tsx';

const BridgeBars = lazy(async () => ({ default: (await import('../../charts/bridge-bars.tsx')).BridgeBars }));

/** Why the margin of a month differs from that of another one, or from what was known of it before. */
export function Bridge({ month, currency }: Shown) {
  const [from, setFrom] = useParam('from', monthOf(new Date(`${month}-01T00:00:00Z`), -1));
  const [before, setBefore] = useParam('fromAsOf', '');
  const [tenantId, setTenantId] = useParam('tenant', '');
  const isMonth = isMonthText(from);
  const ends = before === '' ? { from, to: month } : { period: month, fromAsOf: before };
  const bridge = useAnswer(
    'marginBridge',
    before === '' && !isMonth ? null : { ...ends, currency, ...(tenantId === '' ? {} : { tenantId }), first: 100 },
  );
  const title =
    before === ''
      ? `${isMonth ? monthText(from) : 'A month'} to ${monthText(month)}`
      : `${monthText(month)}, as known before and now`;
  return (
    <Section title={`Why the margin changed: ${title}`}>
      <Stack>
        <Group align="start">
          <MonthInput label="From" month={from} set={setFrom} />
          <TextInput
            label="Or the same month as known before"
            placeholder="Instant or position"
            value={before}
            onChange={changing((next) => {
              setBefore(next.trim());
            })}
          />
          <TenantChooser label="Tenant" placeholder="All" value={tenantId} set={setTenantId} isOptional />
        </Group>
        <Answered answer={bridge}>{(of) => <Bridged of={of} tenantId={tenantId} />}</Answered>
      </Stack>
    </Section>
  );
}

const PARTS: Readonly<Record<BridgePart['part'], string>> = {
  price: 'Price',
  volume: 'Volume',
  mix: 'Mix',
  new_business: 'New business',
  lost_business: 'Lost business',
  fees: 'Fees',
  corrections: 'Corrections',
  new_resources: 'New resources',
  gone_resources: 'Removed resources',
  same_resources: 'Same resources',
  cost_without_resource: 'Cost without resource',
  shared_cost: 'Shared cost',
  moves: 'Moves',
};

function Bridged({ of, tenantId }: { readonly of: MarginBridge; readonly tenantId: string }) {
  const { currency, from, to, overall, byTenant, parts, explain } = of;
  const figures = (tenantId === '' ? undefined : byTenant.find((each) => each.tenantId === tenantId)) ?? overall;
  const isOneMonth = from.period === to.period;
  const [first, last] = isOneMonth
    ? [`Position ${from.position}`, `Position ${to.position}`]
    : [monthText(from.period), monthText(to.period)];
  return (
    <Stack>
      <Figures
        of={[
          [first, figures.from],
          [last, figures.to],
          ['Difference', figures.difference],
        ]}
        currency={currency}
      />
      {parts.length > 0 && (
        <Suspense fallback="Loading the chart">
          <BridgeBars
            from={{ title: first, amount: figures.from }}
            to={{ title: last, amount: figures.to }}
            parts={parts.map(({ part, amount }) => ({ title: PARTS[part], amount }))}
            currency={currency}
          />
        </Suspense>
      )}
      <DataTable
        name="parts of the difference"
        rows={parts}
        keyOf={({ part }) => PARTS[part]}
        isPlain
        inner={(part) => <Causes of={part} currency={currency} />}
        empty="Nothing changed. Choose another month, or another moment."
        columns={[
          { title: 'Part', value: ({ part }) => PARTS[part] },
          { title: 'Adds to the margin', value: ({ amount }) => amount, currency },
          { title: 'Causes', value: ({ stepCount }) => stepCount, isNumber: true },
          { title: 'Events', value: ({ eventCount }) => eventCount, isNumber: true },
        ]}
      />
      {tenantId === '' && <ByTenant rows={byTenant} currency={currency} />}
      <Text size="sm">
        {'Explain the margin: '}
        {explain.map((id, index) => (
          <span key={id}>
            {index > 0 && ', '}
            <Explain id={id}>{id}</Explain>
          </span>
        ))}
      </Text>
    </Stack>
  );
}

/** The causes of a part, the largest first, and the events behind them. */
function Causes({ of, currency }: { readonly of: BridgePart; readonly currency: string }) {
  const { nameOf } = useTenants();
  const side = (each: BridgeStep['from']): string | null =>
    each === null ? null : each.quantity === null ? each.amount : `${each.amount} for ${quantityText(each.quantity)}`;
  return (
    <Stack gap="xs">
      <DataTable
        name={`causes of ${PARTS[of.part]}`}
        rows={of.steps}
        keyOf={(step) => JSON.stringify(step)}
        empty="It has no causes of its own."
        columns={[
          { title: 'Tenant', value: (each) => (each.tenantId === null ? 'None' : nameOf(each.tenantId)) },
          { title: 'Id', value: (each) => each.tenantId },
          DEPLOYMENT,
          { title: 'Kind', value: (each) => each.billingKind ?? each.kind },
          { title: 'Resource', value: (each) => each.resourceId },
          { title: 'Before', value: (each) => side(each.from) },
          { title: 'After', value: (each) => side(each.to) },
          { title: 'Adds to the margin', value: (each) => each.amount, currency },
        ]}
      />
      {of.stepCount > of.steps.length && (
        <Text size="sm">{`The largest ${of.steps.length} of ${of.stepCount} causes.`}</Text>
      )}
      <DataTable
        name={`events of ${PARTS[of.part]}`}
        rows={of.events}
        keyOf={({ eventId }) => eventId}
        empty="No event is behind it alone."
        columns={[
          {
            title: 'Event',
            value: ({ position }) => position,
            show: ({ position, type }) => <Explain id={String(position)}>{`${position} ${type}`}</Explain>,
            isNumber: true,
          },
          { title: 'By', value: ({ actor }) => actor },
          {
            title: 'Recorded (UTC)',
            value: ({ recordedAt }) => recordedAt,
            show: ({ recordedAt }) => instantText(recordedAt),
          },
          { title: 'Reason', value: ({ reason }) => reason },
        ]}
      />
      {of.eventCount > of.events.length && (
        <Text size="sm">{`The latest ${of.events.length} of ${of.eventCount} events.`}</Text>
      )}
    </Stack>
  );
}

const COLUMNS = [
  ['Price', 'price'],
  ['Volume', 'volume'],
  ['Mix', 'mix'],
  ['New business', 'newBusiness'],
  ['Lost business', 'lostBusiness'],
  ['Fees', 'fees'],
  ['Corrections', 'corrections'],
  ['Cost', 'cost'],
  ['Moves', 'moves'],
] as const;

function ByTenant({ rows, currency }: { readonly rows: readonly TenantBridge[]; readonly currency: string }) {
  const { nameOf } = useTenants();
  const columns = COLUMNS.filter(([, name]) => rows.some((each) => !isZero(each[name])));
  return (
    <DataTable
      name="difference by tenant"
      rows={rows}
      keyOf={({ tenantId }) => tenantId}
      empty="No tenant had revenue or cost."
      columns={[
        { title: 'Tenant', value: ({ tenantId }) => nameOf(tenantId) },
        { title: 'Id', value: ({ tenantId }) => tenantId },
        { title: 'Before', value: (each: TenantBridge) => each.from, currency },
        ...columns.map(([title, name]) => ({ title, value: (each: TenantBridge) => each[name], currency })),
        { title: 'After', value: (each: TenantBridge) => each.to, currency },
        { title: 'Difference', value: (each: TenantBridge) => each.difference, currency },
      ]}
    />
  );
}
