import { Alert, Button, Text } from '@mantine/core';
import { useAnswer } from '../answers.ts';
import { useConfirmation } from '../parts/confirmation.tsx';
import { Rebuilds } from '../parts/rebuilds.tsx';
import { Answered, Page, Section } from '../parts/states.tsx';
import { DataTable } from '../parts/table.tsx';
import { useMay } from '../session.tsx';

const EVERY_MS = 2000;

const STATES = {
  current: 'The read models follow the log.',
  halted: 'The projections halted.',
  stuck: 'The process that projects does not go on.',
  rebuilding: 'A rebuild is under way. The present read models serve until it is accepted.',
  other_log: 'The read models were made from another log. Rebuild them, or restore the log that they were made from.',
} as const;

/** How far the read models are, as they move, and how they are made again. */
export function Projections() {
  const projections = useAnswer('projections', {}, { now: true, everyMs: EVERY_MS });
  const mayRebuild = useMay('platform_admin');
  return (
    <Page title="Projections">
      <Answered answer={projections}>
        {({ items, state, halted, stuck, staleSince, kept }) => (
          <>
            <Alert
              variant="default"
              color={state === 'current' ? 'green' : 'orange'}
              title={STATES[state]}
              role="status"
            >
              {halted !== null && (
                <Text size="sm">
                  {`${halted.projection} can't apply the event at position ${halted.position}: ${halted.reason}`}
                </Text>
              )}
              {stuck !== null && (
                <Text size="sm">
                  {`It is the session ${stuck.session} of Postgres (${stuck.application ?? 'without a name'}), and` +
                    ` has projected nothing since ${stuck.since}. Restart the process, or end its session: ` +
                    `SELECT pg_terminate_backend(${stuck.session}).`}
                </Text>
              )}
              {staleSince !== null && <Text size="sm">{`What was recorded since ${staleSince} is not shown.`}</Text>}
              {halted !== null && <Skip position={halted.position} />}
            </Alert>
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
            {mayRebuild && (
              <Section title="Rebuild">
                <Rebuilds names={items.map(({ name }) => name)} isKept={kept !== null} />
              </Section>
            )}
          </>
        )}
      </Answered>
    </Page>
  );
}

function Skip({ position }: { readonly position: number }) {
  const mayDecide = useMay('platform_admin');
  const { ask, confirmation } = useConfirmation();
  if (!mayDecide) return null;
  return (
    <>
      <Button
        mt="xs"
        size="xs"
        onClick={() => {
          ask({
            title: 'Skip the event',
            asks:
              `Skip the event at position ${position}? It takes effect in no read model, now and in every rebuild. ` +
              'First try to install a version that can apply it.',
            needsReason: true,
            commandOf: ({ reason }) => ({ command: 'skip-event', position, reason }),
          });
        }}
      >
        Skip the event
      </Button>
      {confirmation}
    </>
  );
}
