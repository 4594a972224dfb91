import { Badge, Group, Stack, Text } from '@mantine/core';
import type { Margin, MonthMargin } from '../../../../../clients/typescript/ledgerline.ts';
import { Figures, Section } from '../../parts/states.tsx';
import { type Column, DataTable, QUANTITY } from '../../parts/table.tsx';
import { useTenants } from '../../tenants.ts';

/** What months are estimated to cost beyond their bills. Named so in each title. */
export const estimateColumns = (currency: string): readonly Column<MonthMargin>[] => [
  { title: 'Estimated cost (no bill yet)', value: (each) => each.estimatedCost, currency },
  { title: 'Margin with estimate', value: (each) => each.marginWithEstimate, currency },
];

/** What usage is estimated to cost whose bill has not come. No figure above has it. */
export function Estimated({ of: { estimate, currency } }: { readonly of: Margin }) {
  const { nameOf } = useTenants();
  if (estimate.byKind.length === 0) return null;
  return (
    <Section title="Estimated cost">
      <Stack>
        <Group gap="xs">
          <Badge color="gray.7">Estimate</Badge>
          <Text size="sm">
            What usage costs by the cost rates until the bill comes. No other figure of this page includes it.
          </Text>
        </Group>
        <Figures
          of={[
            ['Estimated cost', estimate.estimatedCost],
            ['Margin with estimate', estimate.marginWithEstimate],
          ]}
          currency={currency}
        />
        <DataTable
          name="estimated cost by billing kind"
          rows={estimate.byKind}
          keyOf={({ billingKind, provider }) => JSON.stringify([billingKind, provider])}
          empty=""
          columns={[
            { title: 'Billing kind', value: ({ billingKind }) => billingKind },
            { title: 'No bill yet of', value: ({ provider }) => provider ?? 'any provider' },
            QUANTITY,
            { title: 'Estimated cost', value: ({ estimatedCost }) => estimatedCost, currency },
          ]}
        />
        <DataTable
          name="estimated cost by tenant"
          rows={estimate.byTenant}
          keyOf={({ tenantId }) => tenantId}
          empty=""
          columns={[
            { title: 'Tenant', value: ({ tenantId }) => nameOf(tenantId) },
            { title: 'Id', value: ({ tenantId }) => tenantId },
            { title: 'Estimated cost', value: (each) => each.estimatedCost, currency },
            { title: 'Margin with estimate', value: (each) => each.marginWithEstimate, currency },
          ]}
        />
      </Stack>
    </Section>
  );
}
