import { Alert, Text } from '@mantine/core';
import { useAnswer } from '../answers.ts';
import { Answered, Figure, Page } from '../parts/states.tsx';
import { DataTable } from '../parts/table.tsx';

const EVERY_MS = 2000;

const STATES = {
  current: 'The read models follow the log.',
  halted: 'The projections halted.',
  rebuilding: 'A rebuild is under way. The present read models serve until it is accepted.',
  other_log: 'The read models were made from another log. Rebuild them, or restore the log that they were made from.',
} as const;

/** How far the read models are, as they move. */
export function Projections() {
  const projections = useAnswer('projections', {}, { now: true, everyMs: EVERY_MS });
  return (
    <Page title="Projections">
      <Answered answer={projections}>
        {({ items, state, halted, staleSince, rebuild, kept }) => (
          <>
            <Alert
              variant="default"
              color={state === 'current' ? 'green' : 'orange'}
              title={STATES[state]}
              role="status"
            >
              {halted !== null &&
                `${halted.projection} can't apply the event at position ${halted.position}: ${halted.reason} ` +
                  `Decide on it with ledgerline projections skip ${halted.position}, or install a version that can. `}
              {staleSince !== null && `What was recorded since ${staleSince} is not shown.`}
            </Alert>
            {rebuild !== null && (
              <div className="figures">
                <Figure title="Rebuild at position">{rebuild.position}</Figure>
                <Figure title="Events to go">{rebuild.lag}</Figure>
                <Figure title="Events a second">{rebuild.eventsPerSecond ?? '–'}</Figure>
              </div>
            )}
            {kept !== null && (
              <Text size="sm">
                The read models before the last rebuild are kept. ledgerline projections rollback goes back to them.
              </Text>
            )}
            <DataTable
              name="projections"
              rows={items}
              keyOf={({ name }) => name}
              empty="There is no projection."
              columns={[
                { title: 'Projection', value: ({ name }) => name },
                { title: 'Version', value: ({ version }) => version, isNumber: true },
                { title: 'Position', value: ({ position }) => position, isNumber: true },
                { title: 'Head of the log', value: ({ head }) => head, isNumber: true },
                { title: 'Lag in events', value: ({ lag }) => lag, isNumber: true },
                { title: 'Lag in seconds', value: ({ lagSeconds }) => lagSeconds, isNumber: true },
                { title: 'Events a second', value: ({ eventsPerSecond }) => eventsPerSecond, isNumber: true },
              ]}
            />
          </>
        )}
      </Answered>
    </Page>
  );
}
