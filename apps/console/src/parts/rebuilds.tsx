import { Alert, Button, Group, MultiSelect, Progress, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import type { Rebuild, RebuildReport } from '../../../../clients/typescript/ledgerline.ts';
import { useAnswer } from '../answers.ts';
import { type Action, useConfirmation } from './confirmation.tsx';
import { Answered, Money, Status, When } from './states.tsx';
import { DataTable } from './table.tsx';
import { newId } from '../new-id.ts';
import { TENANT } from './named.tsx';

const EVERY_MS = 1000;

const KEPT = 'The replaced read models are kept for a rollback.';

const rebuildOf = (projections: readonly string[]): Action => ({
  title: 'Rebuild',
  asks:
    `Build ${projections.length === 0 ? 'all read models' : projections.join(', ')} again from the log? ` +
    'The live ones serve meanwhile, and nothing is exchanged before someone accepts the differences.',
  needsReason: false,
  commandOf: () => ({
    command: 'rebuild-projections',
    rebuildId: newId(),
    ...(projections.length === 0 ? {} : { projections }),
  }),
});

const ROLL_BACK: Action = {
  title: 'Roll back',
  asks: `Make the read models before the last exchange the live ones again? ${KEPT}`,
  needsReason: false,
  commandOf: () => ({ command: 'roll-back-projections', rebuildId: newId() }),
};

const acceptOf = ({ rebuildId, isDifferent }: Rebuild): Action => ({
  title: 'Accept',
  asks:
    `Exchange the live read models for the rebuilt ones${isDifferent === true ? ', with all differences' : ''}? ` +
    KEPT,
  needsReason: false,
  commandOf: () => ({ command: 'accept-rebuild', rebuildId }),
});

const cancelOf = ({ rebuildId }: Rebuild): Action => ({
  title: 'Cancel the rebuild',
  asks: 'Leave the live read models as they are?',
  needsReason: false,
  commandOf: () => ({ command: 'cancel-rebuild', rebuildId }),
});

/** Another one can't be requested meanwhile. */
const isUnfinished = ({ state }: Rebuild): boolean => ['waiting', 'running', 'compared'].includes(state);

/** Rebuilds and rollbacks: one is requested, followed while it runs, looked at, and accepted. */
export function Rebuilds({ names, isKept }: { readonly names: readonly string[]; readonly isKept: boolean }) {
  const rebuilds = useAnswer('rebuilds', {}, { now: true, everyMs: EVERY_MS });
  const [chosen, choose] = useState<string[]>([]);
  const { ask, confirmation } = useConfirmation();
  return (
    <Answered answer={rebuilds}>
      {({ items }) => {
        const last = items.at(-1);
        const isUnderWay = last !== undefined && isUnfinished(last);
        return (
          <Stack>
            <Group align="end">
              <MultiSelect
                label="Projections (empty: all)"
                miw={240}
                searchable
                data={[...names]}
                value={chosen}
                onChange={choose}
              />
              <Button
                disabled={isUnderWay}
                onClick={() => {
                  ask(rebuildOf(chosen));
                }}
              >
                Rebuild
              </Button>
              <Button
                variant="default"
                disabled={isUnderWay || !isKept}
                onClick={() => {
                  ask(ROLL_BACK);
                }}
              >
                Roll back
              </Button>
            </Group>
            {last !== undefined && <Newest of={last} decide={ask} />}
            <DataTable
              name="rebuilds"
              rows={items.toReversed()}
              keyOf={({ rebuildId }) => rebuildId}
              empty="None was requested."
              columns={[
                {
                  title: 'Requested',
                  value: ({ requestedAt }) => requestedAt,
                  show: ({ requestedAt }) => <When at={requestedAt} />,
                },
                { title: 'By', value: ({ requestedBy }) => requestedBy },
                { title: 'What', value: ({ kind, projections }) => `${kind} of ${projections?.join(', ') ?? 'all'}` },
                { title: 'State', value: ({ state }) => state, show: ({ state }) => <Status of={state} /> },
                { title: 'Accepted by', value: ({ acceptedBy }) => acceptedBy },
                { title: 'Id', value: ({ rebuildId }) => rebuildId },
              ]}
            />
            {confirmation}
          </Stack>
        );
      }}
    </Answered>
  );
}

const TOLD: Readonly<Record<Rebuild['state'], string>> = {
  waiting: 'waits for a worker. If none runs, start one.',
  running: 'is under way.',
  compared: 'is built and compared. The live read models serve until it is accepted.',
  swapped: `is live. ${KEPT}`,
  rolled_back: `is done. ${KEPT}`,
  failed: 'failed. The live read models did not change.',
  cancelled: 'was cancelled. The live read models did not change.',
};

function Newest({ of, decide }: { readonly of: Rebuild; readonly decide: (action: Action) => void }) {
  const { kind, state, progress, error, report, acceptedBy } = of;
  return (
    <Stack gap="sm">
      <Alert
        variant="default"
        role="status"
        color={state === 'failed' ? 'red' : 'blue'}
        title={`The last ${kind} ${TOLD[state]}`}
      >
        {error}
        {progress !== null && (
          <>
            <Text size="sm">
              {`${progress.phase}: position ${progress.position} of ${progress.target}`}
              {progress.eventsPerSecond === null ? '' : `, ${progress.eventsPerSecond} events a second`}
              {progress.secondsLeft === null ? '' : `, ${progress.secondsLeft} s left`}
            </Text>
            <Progress
              mt="xs"
              aria-label="Progress of the rebuild"
              value={progress.target === 0 ? 100 : (100 * progress.position) / progress.target}
            />
          </>
        )}
        {kind === 'rebuild' && acceptedBy === null && (
          <Group gap="xs" mt="xs">
            {state === 'compared' && (
              <Button
                size="xs"
                onClick={() => {
                  decide(acceptOf(of));
                }}
              >
                Accept
              </Button>
            )}
            {isUnfinished(of) && (
              <Button
                size="xs"
                variant="default"
                onClick={() => {
                  decide(cancelOf(of));
                }}
              >
                Cancel the rebuild
              </Button>
            )}
          </Group>
        )}
      </Alert>
      {report !== null && <Differences of={report} isDifferent={of.isDifferent === true} />}
    </Stack>
  );
}

function Differences({ of, isDifferent }: { readonly of: RebuildReport; readonly isDifferent: boolean }) {
  const rows = of.tables.filter(
    ({ onlyLive, onlyRebuilt, different, columnsApart }) =>
      onlyLive + onlyRebuilt + different + columnsApart.length > 0,
  );
  const counted = of.tables.reduce((count, table) => count + table.rows, 0);
  return (
    <>
      <Text>
        {isDifferent
          ? `Compared at position ${of.position}: these rows and sums differ.`
          : `Compared at position ${of.position}: all ${counted} rows and all sums of money are equal.`}
      </Text>
      {rows.length > 0 && (
        <DataTable
          name="differences in rows"
          rows={rows}
          keyOf={({ table }) => table}
          empty=""
          columns={[
            { title: 'Table', value: ({ table }) => table },
            { title: 'Rows', value: (each) => each.rows, isNumber: true },
            { title: 'Only live', value: ({ onlyLive }) => onlyLive, isNumber: true },
            { title: 'Only rebuilt', value: ({ onlyRebuilt }) => onlyRebuilt, isNumber: true },
            { title: 'Different', value: ({ different }) => different, isNumber: true },
            { title: 'Columns of one only', value: ({ columnsApart }) => columnsApart.join(', ') },
            {
              title: 'Example',
              value: ({ examples: [example] }) =>
                example === undefined
                  ? ''
                  : `live ${JSON.stringify(example.live)}, rebuilt ${JSON.stringify(example.rebuilt)}`,
            },
          ]}
        />
      )}
      {of.money.length > 0 && (
        <DataTable
          name="differences in money"
          rows={of.money}
          keyOf={(sum) => [sum.of, sum.tenantId, sum.month, sum.currency].join(' ')}
          empty=""
          columns={[
            { title: 'Sum of', value: (sum) => sum.of },
            TENANT,
            { title: 'Month', value: ({ month }) => month },
            ...(['live', 'rebuilt', 'difference'] as const).map((name) => ({
              title: { live: 'Live', rebuilt: 'Rebuilt', difference: 'Difference' }[name],
              value: (sum: RebuildReport['money'][number]) => sum[name],
              show: (sum: RebuildReport['money'][number]) => <Money amount={sum[name]} currency={sum.currency} />,
              isNumber: true,
            })),
          ]}
        />
      )}
      {of.moneyCount > of.money.length && <Text>{`${of.moneyCount} sums of money differ in all.`}</Text>}
    </>
  );
}
