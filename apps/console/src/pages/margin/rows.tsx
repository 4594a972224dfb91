import { FIRST_ITEMS, moreThan } from '../../parts/growing.ts';
import { Stack, Text } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { Explained, ExplainedCost, Ledgerline } from '../../../../../clients/typescript/ledgerline.ts';
import { useAnswer, useAsk } from '../../answers.ts';
import { quantityText } from '../../formats.ts';
import { Answered, Failure } from '../../parts/states.tsx';
import { DataTable, Explain, type More, To } from '../../parts/table.tsx';
import { useTenants } from '../../tenants.ts';
import { DEPLOYMENT } from '../../parts/named.tsx';

/** All of a list, for a file. */
const EVERY = 1_000_000;

type Question = Parameters<Ledgerline['explain']>[0];
type ExplainedMargin = Extract<Explained, { readonly is: 'margin' }>;

interface Rows {
  /** What explain calls the margin. */
  readonly id: string;
  readonly currency: string;
  /** Of what the rows are. Default: the id. */
  readonly name?: string;
  /** Which amounts of the margin. Default: all. */
  readonly choice?: Pick<Question, 'deploymentId' | 'billingKind' | 'kind' | 'without'>;
  /** Which lists are shown. Default: all. */
  readonly lists?: readonly (keyof typeof LISTS)[];
}

/** The invoices, the cost lines and the parts of shared cost that a margin is made of. */
export function MarginRows({ id, currency, name = id, choice = {}, lists = ALL_LISTS }: Rows) {
  const question = { id, ...choice };
  const explained = useAnswer('explain', { ...question, first: FIRST_ITEMS });
  return (
    <Answered answer={explained}>
      {(of) =>
        of.is !== 'margin' ? null : (
          <Stack gap="xs">
            <Explain id={id}>{of.arithmetic}</Explain>
            {lists.map((list) => (
              <Grown key={list} of={of} question={question}>
                {(grown, more) => {
                  const Show = LISTS[list];
                  return <Show name={name} of={grown} currency={currency} more={more} />;
                }}
              </Grown>
            ))}
          </Stack>
        )
      }
    </Answered>
  );
}

/** One list of a margin, of which more is asked for without the others. */
function Grown({
  of,
  question,
  children,
}: {
  readonly of: ExplainedMargin;
  readonly question: Question;
  readonly children: (of: ExplainedMargin, more: Further) => ReactNode;
}) {
  const [first, setFirst] = useState(FIRST_ITEMS);
  const grown = useAnswer('explain', first === FIRST_ITEMS ? null : { ...question, first }, { grows: true });
  const ask = useAsk('explain');
  const shown = grown.data?.is === 'margin' ? grown.data : of;
  if (grown.error !== null) return <Failure error={grown.error} retry={() => void grown.refetch()} />;
  return children(shown, {
    next() {
      setFirst(moreThan(first));
    },
    async every() {
      const all = await ask({ ...question, first: EVERY });
      if (all.is !== 'margin') throw new Error(`the explanation of ${question.id} is not of a margin`);
      return all;
    },
  });
}

/** What a list has besides the rows that are shown. */
interface Further {
  readonly next: () => void;
  readonly every: () => Promise<ExplainedMargin>;
}

/** undefined: the rows are all. */
const moreOf = <Row,>(
  isMore: boolean,
  { next, every }: Further,
  rowsOf: (of: ExplainedMargin) => readonly Row[],
): More<Row> | undefined => (isMore ? { next, all: async () => rowsOf(await every()) } : undefined);

interface ListOf {
  readonly name: string;
  readonly of: ExplainedMargin;
  readonly currency: string;
  readonly more: Further;
}

function RevenueRows({ name, of: { revenue, revenueCount }, currency, more }: ListOf) {
  return (
    <DataTable
      name={`revenue of ${name}`}
      rows={revenue}
      more={moreOf(revenue.length < revenueCount, more, (of) => of.revenue)}
      keyOf={(each) => JSON.stringify([each.invoiceId, each.cause, each.deploymentId, each.billingKind])}
      empty="No invoice billed it."
      columns={[
        {
          title: 'Invoice',
          value: (each) => each.number ?? each.invoiceId,
          show: (each) => <To path={`/invoices/${each.number ?? each.invoiceId}`}>{each.number ?? each.invoiceId}</To>,
        },
        { title: 'Cause', value: (each) => each.cause },
        DEPLOYMENT,
        { title: 'Kind', value: (each) => each.billingKind },
        { title: 'Revenue', value: (each) => each.amount, currency },
      ]}
    />
  );
}

function CostLines({ name, of: { tenantId: holder, costs, costCount }, currency, more }: ListOf) {
  const { nameOf } = useTenants();
  return (
    <DataTable
      name={`cost of ${name}`}
      rows={costs}
      more={moreOf(costs.length < costCount, more, (of) => of.costs)}
      keyOf={(each) => JSON.stringify([each.costLine, each.tenantId, each.deploymentId, each.amount])}
      empty="The provider billed nothing for it."
      columns={[
        { title: 'Cost line', value: (each) => each.costLine },
        { title: 'Kind', value: (each) => each.kind },
        ...(holder === null
          ? [
              {
                title: 'Tenant',
                value: ({ tenantId }: ExplainedCost) => (tenantId === null ? 'None' : nameOf(tenantId)),
              },
            ]
          : []),
        DEPLOYMENT,
        ...(costs.some(({ sharedBy }) => sharedBy !== null)
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

const partsOf = (shared: ExplainedMargin['shared']) =>
  shared.flatMap((policy) => policy.parts.map((part) => ({ policy, part })));

/** Nothing where no policy shares cost. */
function SharedParts({ name, of: { shared }, currency, more }: ListOf) {
  const parts = partsOf(shared);
  if (parts.length === 0) return null;
  return (
    <>
      <Text size="sm">Shared cost</Text>
      <DataTable
        name={`shared cost of ${name}`}
        rows={parts}
        more={moreOf(
          shared.some((policy) => policy.parts.length < policy.partCount),
          more,
          (of) => partsOf(of.shared),
        )}
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

const LISTS = { revenue: RevenueRows, costs: CostLines, shared: SharedParts };
const ALL_LISTS = ['revenue', 'costs', 'shared'] as const;
