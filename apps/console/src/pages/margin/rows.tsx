import { Stack, Text } from '@mantine/core';
import type {
  Explained,
  ExplainedCost,
  ExplainedRevenue,
  ExplainedSharedCost,
  SharedPart,
} from '../../../../../clients/typescript/ledgerline.ts';
import { useAnswer } from '../../answers.ts';
import { quantityText } from '../../formats.ts';
import { Answered } from '../../parts/states.tsx';
import { DataTable, Explain, To } from '../../parts/table.tsx';
import { useTenants } from '../../tenants.ts';

type ExplainedMargin = Extract<Explained, { readonly is: 'margin' }>;

interface Choice {
  /** Which amounts of invoices are shown. Absent: none. */
  readonly revenueOf?: (row: ExplainedRevenue) => boolean;
  /** Which cost lines. */
  readonly costOf?: (line: ExplainedCost) => boolean;
  /** Which parts of shared cost. */
  readonly sharedOf?: (part: SharedPart) => boolean;
}

interface Rows extends Choice {
  /** What explain calls the margin. */
  readonly id: string;
  readonly currency: string;
  /** Of what the rows are. Default: the id. */
  readonly name?: string;
}

/** The invoices, the cost lines and the parts of shared cost that a margin is made of. */
export function MarginRows({ id, currency, name = id, ...choice }: Rows) {
  const explained = useAnswer('explain', { id });
  return (
    <Answered answer={explained}>
      {(of) =>
        of.is !== 'margin' ? null : (
          <Stack gap="xs">
            <Explain id={id}>{of.arithmetic}</Explain>
            {choice.revenueOf !== undefined && (
              <RevenueRows name={name} rows={of.revenue.filter(choice.revenueOf)} currency={currency} />
            )}
            {choice.costOf !== undefined && (
              <CostLines name={name} of={of} lines={of.costs.filter(choice.costOf)} currency={currency} />
            )}
            {choice.sharedOf !== undefined && (
              <SharedParts name={name} shared={of.shared} only={choice.sharedOf} currency={currency} />
            )}
          </Stack>
        )
      }
    </Answered>
  );
}

interface Named {
  readonly name: string;
  readonly currency: string;
}

function RevenueRows({ name, rows, currency }: Named & { readonly rows: readonly ExplainedRevenue[] }) {
  return (
    <DataTable
      name={`revenue of ${name}`}
      rows={rows}
      keyOf={(each) => JSON.stringify([each.invoiceId, each.cause, each.deploymentId, each.billingKind])}
      empty="No invoice billed it."
      columns={[
        {
          title: 'Invoice',
          value: (each) => each.number ?? each.invoiceId,
          show: (each) => <To path={`/invoices/${each.number ?? each.invoiceId}`}>{each.number ?? each.invoiceId}</To>,
        },
        { title: 'Cause', value: (each) => each.cause },
        { title: 'Deployment', value: (each) => each.deploymentId },
        { title: 'Kind', value: (each) => each.billingKind },
        { title: 'Revenue', value: (each) => each.amount, currency },
      ]}
    />
  );
}

function CostLines({
  name,
  of,
  lines,
  currency,
}: Named & { readonly of: ExplainedMargin; readonly lines: readonly ExplainedCost[] }) {
  const { nameOf } = useTenants();
  const isOfAll = of.tenantId === null;
  return (
    <DataTable
      name={`cost of ${name}`}
      rows={lines}
      keyOf={(each) => JSON.stringify([each.costLine, each.tenantId, each.deploymentId, each.amount])}
      empty="The provider billed nothing for it."
      columns={[
        { title: 'Cost line', value: (each) => each.costLine },
        { title: 'Kind', value: (each) => each.kind },
        ...(isOfAll
          ? [
              {
                title: 'Tenant',
                value: ({ tenantId }: ExplainedCost) => (tenantId === null ? 'None' : nameOf(tenantId)),
              },
            ]
          : []),
        { title: 'Deployment', value: (each) => each.deploymentId },
        ...(lines.some(({ sharedBy }) => sharedBy !== null)
          ? [{ title: 'Shared by', value: (each: ExplainedCost) => each.sharedBy }]
          : []),
        {
          title: 'File and row',
          value: ({ file }) => (file === null ? null : `${file.file}, row ${file.row}`),
        },
        {
          title: 'Event',
          value: ({ event }) => event?.position ?? null,
          show: ({ event }) => (event === null ? '–' : <Explain id={String(event.position)}>{event.position}</Explain>),
          isNumber: true,
        },
        { title: 'Cost', value: (each) => each.amount, currency },
      ]}
    />
  );
}

/** Nothing where no policy shares cost. */
function SharedParts({
  name,
  shared,
  only,
  currency,
}: Named & { readonly shared: readonly ExplainedSharedCost[]; readonly only: (part: SharedPart) => boolean }) {
  const parts = shared.flatMap((policy) => policy.parts.filter(only).map((part) => ({ policy, part })));
  if (parts.length === 0) return null;
  return (
    <>
      <Text size="sm">Shared cost</Text>
      <DataTable
        name={`shared cost of ${name}`}
        rows={parts}
        keyOf={({ policy, part }) => JSON.stringify([policy.policyId, policy.effectiveFrom, part.deploymentId])}
        empty=""
        columns={[
          { title: 'Policy', value: ({ policy }) => policy.policyId },
          { title: 'Working', value: ({ policy }) => policy.arithmetic },
          { title: 'Deployment', value: ({ part }) => part.deploymentId },
          {
            title: 'Basis',
            value: ({ part }) => part.basis,
            show: ({ part }) => quantityText(part.basis),
            isNumber: true,
          },
          {
            title: 'Event',
            value: ({ policy }) => policy.event?.position ?? null,
            show: ({ policy: { event } }) =>
              event === null ? '–' : <Explain id={String(event.position)}>{event.position}</Explain>,
            isNumber: true,
          },
          { title: 'Shared cost', value: ({ part }) => part.amount, currency },
        ]}
      />
    </>
  );
}
