import { Stack, Text } from '@mantine/core';
import type { IdlePart, Margin } from '../../../../../clients/typescript/ledgerline.ts';
import { Section } from '../../parts/states.tsx';
import { DataTable } from '../../parts/table.tsx';
import { useTenants } from '../../tenants.ts';
import { DEPLOYMENT } from '../../parts/named.tsx';

const REASONS = {
  off: 'off or unused',
  unsold: 'in no deployment',
  remainder: 'part of a pool that nobody used',
} as const;

/** What resources cost while they were off or in no deployment, what nobody used of pools, and who held them. */
export function IdleOfMonth({ of: { idle, currency } }: { readonly of: Margin }) {
  const { nameOf } = useTenants();
  if (idle.parts.length === 0) return <Text c="dimmed">No resource with cost was idle in this month.</Text>;
  return (
    <Section title="Idle cost">
      <Text size="sm" mb="xs">
        Resources that were off, or in no deployment, and parts of pools that nobody used. Their tenants, or no tenant,
        bear this cost above. Delete at the provider what nobody uses.
      </Text>
      <Stack>
        <IdleParts parts={idle.parts} currency={currency} />
        <DataTable
          name="idle cost by holder"
          rows={idle.byHolder}
          keyOf={({ tenantId, deploymentId }) => JSON.stringify([tenantId, deploymentId])}
          isPlain
          empty="Policies share all of it: see Shared cost."
          columns={[
            { title: 'Tenant', value: ({ tenantId }) => (tenantId === null ? 'None' : nameOf(tenantId)) },
            DEPLOYMENT,
            { title: 'Idle direct cost', value: ({ cogs }) => cogs, currency },
          ]}
        />
      </Stack>
    </Section>
  );
}

export function IdleParts({ parts, currency }: { readonly parts: readonly IdlePart[]; readonly currency: string }) {
  return (
    <DataTable
      name="idle cost"
      rows={parts}
      keyOf={({ provider, kind, reason }) => JSON.stringify([provider, kind, reason])}
      empty=""
      columns={[
        { title: 'Provider', value: ({ provider }) => provider },
        { title: 'Kind', value: ({ kind }) => kind },
        { title: 'Why', value: ({ reason }) => REASONS[reason] },
        { title: 'Direct cost', value: ({ directCogs }) => directCogs, currency },
        { title: 'Shared cost', value: ({ sharedCogs }) => sharedCogs, currency },
        { title: 'Cost', value: ({ cogs }) => cogs, currency },
      ]}
    />
  );
}
