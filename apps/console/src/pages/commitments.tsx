import type { Commitment, CommitmentTerm } from '../../../../clients/typescript/ledgerline.ts';
import { useList } from '../answers.ts';
import { DEPLOYMENT } from '../parts/named.tsx';
import { Answered, During, Money, Section, Status } from '../parts/states.tsx';
import { type Column, DataTable, Explain, moreOf } from '../parts/table.tsx';

type Term = Pick<Commitment, 'commitmentId' | 'deploymentId' | 'currency' | 'billingKinds'> & CommitmentTerm;

const termsOf = (commitments: readonly Commitment[]): Term[] =>
  commitments.flatMap(({ terms, commitmentId, deploymentId, currency, billingKinds }) =>
    terms.map((term) => ({ ...term, commitmentId, deploymentId, currency, billingKinds })),
  );

const amount = (title: string, of: (term: Term) => string | null): Column<Term> => ({
  title,
  value: of,
  show: (term) => {
    const value = of(term);
    return value === null ? '–' : <Money amount={value} currency={term.currency} />;
  },
  isNumber: true,
});

/** What a tenant agreed to pay at least, term by term, and how far each is drawn down. */
export function Commitments({ tenantId, zone }: { readonly tenantId: string; readonly zone: string }) {
  const commitments = useList('commitments', { tenantId });
  return (
    <Section title="Commitments">
      <Answered answer={commitments}>
        {(items) => (
          <DataTable
            name="commitments"
            rows={termsOf(items)}
            more={moreOf(commitments, termsOf)}
            keyOf={({ commitmentId, deploymentId, period }) => `${commitmentId} ${deploymentId} ${period.start}`}
            empty="None was agreed."
            columns={[
              { title: 'Commitment', value: ({ commitmentId }) => commitmentId },
              DEPLOYMENT,
              { title: 'Of', value: ({ billingKinds }) => billingKinds?.join(', ') ?? 'all but base_fee' },
              {
                title: 'Term',
                value: ({ period }) => period.start,
                show: ({ period }) => <During of={period} timeZone={zone} />,
              },
              { title: 'State', value: ({ state }) => state, show: ({ state }) => <Status of={state} /> },
              amount('Committed', ({ committed }) => committed),
              amount('Drawn down', ({ drawnDown }) => drawnDown),
              amount('Remaining', ({ remaining }) => remaining),
              amount('True-up', ({ trueUp }) => trueUp),
              amount('Billed of it', ({ billed }) => billed),
              {
                title: 'Why',
                value: ({ quarantine }) => quarantine?.message ?? '',
                show: ({ quarantine, lineId }) =>
                  quarantine?.message ?? (lineId === null ? '–' : <Explain id={lineId}>explain</Explain>),
              },
            ]}
          />
        )}
      </Answered>
    </Section>
  );
}
