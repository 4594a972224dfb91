import { Alert, Button, Group, List, Stack, Text, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { errorOf } from '#domain/errors';
import { useAnswer, useList } from '../answers.ts';
import { instantText } from '../formats.ts';
import { useMoment, useParam } from '../moment.ts';
import { Answered, Failure, Page, Section, When } from '../parts/states.tsx';
import { ListTable } from '../parts/table.tsx';
import { download } from '../parts/download.ts';
import { useSession } from '../session.tsx';
import { changing } from '../parts/inputs.ts';
import { Events } from './events.tsx';

export function Audit() {
  return (
    <Page title="Audit">
      <Section title="Check">
        <Check />
      </Section>
      <Section title="Evidence">
        <Evidence />
      </Section>
      <Section title="What changed between two moments">
        <Difference />
      </Section>
      <Section title="Events">
        <Events />
      </Section>
    </Page>
  );
}

/** It reads the whole ledger, so it is asked for only by a person. */
function Check() {
  const [isAsked, setIsAsked] = useState(false);
  const checked = useAnswer('check', isAsked ? {} : null);
  const last = useAnswer('lastCheck', isAsked ? null : {}, { now: true });
  const answers = useQueryClient();
  useEffect(() => {
    // From now on, this check is the last one.
    if (checked.data !== undefined) void answers.invalidateQueries({ queryKey: ['lastCheck'] });
  }, [checked.data, answers]);
  if (!isAsked)
    return (
      <Stack gap="xs" align="start">
        <Answered answer={last}>
          {({ checkedAt, checkedBy, ok, position, failures, failureCount }) =>
            checkedAt === null ? (
              <Text>The ledger was never checked.</Text>
            ) : (
              <>
                <Text>
                  {`Last checked by ${checkedBy} on ${instantText(checkedAt)} UTC, at position ${position}: ` +
                    (ok === true ? 'all was consistent.' : `${failureCount} failures.`)}
                </Text>
                <Findings of={failures} />
              </>
            )
          }
        </Answered>
        <Button
          onClick={() => {
            setIsAsked(true);
          }}
        >
          Check the ledger
        </Button>
      </Stack>
    );
  return (
    <Answered answer={checked}>
      {({ ok, position, failures, notices }) => (
        <Stack gap="xs">
          <Alert
            variant="default"
            color={ok ? 'green' : 'red'}
            title={ok ? 'All is consistent' : `${failures.length} failures`}
          >
            {`As of position ${position}. ledgerline verify also proves that the log is untouched.`}
          </Alert>
          <Findings of={[...failures, ...notices]} />
        </Stack>
      )}
    </Answered>
  );
}

/** What is wrong, and the remedy. */
const Findings = ({
  of,
}: {
  readonly of: readonly { readonly code: string; readonly message: string; readonly remedy: string }[];
}) => (
  <List>
    {of.map(({ code, message, remedy }, index) => (
      <List.Item key={index}>{`${code}: ${message} ${remedy}`}</List.Item>
    ))}
  </List>
);

/** What auditors take away, and whether the log is as it was recorded. */
function Evidence() {
  const { client } = useSession();
  const { asOf } = useMoment();
  const [isAsked, setIsAsked] = useState(false);
  const [invoice, setInvoice] = useState('');
  const [failure, setFailure] = useState<Error | null>(null);
  const verified = useAnswer('verify', isAsked ? {} : null, { now: true });
  const checkpoints = useList('checkpoints', {});
  const bundle = async (): Promise<void> => {
    try {
      const id = invoice.trim();
      const told = await client.bundle({ id, asOf });
      download(`${id}.bundle.json`, `${JSON.stringify(told, null, 1)}\n`, 'application/json');
      setFailure(null);
    } catch (error) {
      setFailure(errorOf(error));
    }
  };
  return (
    <Stack>
      {isAsked ? (
        <Answered answer={verified}>
          {({ ok, size, root, compared, failures }) => (
            <Alert
              variant="default"
              role="status"
              color={ok ? 'green' : 'red'}
              title={ok ? 'The log is as it was recorded' : 'The log is not as it was recorded'}
            >
              <Text size="sm" className="long">{`${size} events, root ${root}`}</Text>
              <Text size="sm">
                {`Compared with ${compared.checkpoints} checkpoints and ${compared.invoices} issued invoices. ` +
                  'With a checkpoint that is kept elsewhere, ledgerline verify --checkpoint proves more.'}
              </Text>
              <Findings of={failures} />
            </Alert>
          )}
        </Answered>
      ) : (
        <Group>
          <Button
            onClick={() => {
              setIsAsked(true);
            }}
          >
            Verify the log
          </Button>
        </Group>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void bundle();
        }}
      >
        <Group align="end">
          <TextInput
            label="Bundle of invoice"
            placeholder="INV-000001"
            required
            value={invoice}
            onChange={changing(setInvoice)}
          />
          <Button type="submit" variant="default">
            Download
          </Button>
        </Group>
      </form>
      {failure !== null && <Failure error={failure} />}
      <ListTable
        list={checkpoints}
        name="checkpoints"
        keyOf={({ note }) => note}
        empty="There is no signed checkpoint. Run ledgerline checkpoint to sign one."
        columns={[
          { title: 'Events', value: ({ size }) => size, isNumber: true },
          { title: 'Signed', value: ({ madeAt }) => madeAt, show: ({ madeAt }) => <When at={madeAt} /> },
          { title: 'Public key', value: ({ publicKey }) => publicKey },
          {
            title: 'Note',
            value: ({ note }) => note,
            show: ({ size, note }) => (
              <Button
                size="compact-xs"
                variant="default"
                aria-label={`Download the checkpoint of ${size} events`}
                onClick={() => {
                  download(`checkpoint-${size}.txt`, note, 'text/plain');
                }}
              >
                Download
              </Button>
            ),
          },
        ]}
      />
    </Stack>
  );
}

interface Span {
  readonly from: string;
  readonly to?: string;
}

const spanOf = (from: string, to: string): Span => ({ from, ...(to === '' ? {} : { to }) });

/** An address that names the moments shows at once what changed between them. */
function Difference() {
  const [from, setFrom] = useParam('from', '');
  const [to, setTo] = useParam('to', '');
  const [asked, setAsked] = useState<Span | null>(from === '' ? null : spanOf(from, to));
  const differences = useAnswer('diff', asked);
  return (
    <>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(spanOf(from, to));
        }}
      >
        <Group align="end" mb="sm">
          <TextInput label="From (position or instant)" required value={from} onChange={changing(setFrom)} />
          <TextInput label="To (empty: now)" value={to} onChange={changing(setTo)} />
          <Button type="submit">Compare</Button>
        </Group>
      </form>
      {asked !== null && (
        <Answered answer={differences}>
          {(of) => {
            const told = [
              ...of.rates.map(
                (each) =>
                  `The price of ${each.resourceType}/${each.resourceFamily}@${each.location} ` +
                  `from ${each.effectiveFrom} went from ${each.before?.unitPrice ?? 'none'} ` +
                  `to ${each.after?.unitPrice ?? 'none'}.`,
              ),
              ...of.usage.map(
                (each) =>
                  `${each.deploymentId} used ${each.after} of ${each.billingKind} in ${each.month}, ` +
                  `and not ${each.before}.`,
              ),
              ...of.lines.map(
                (each) =>
                  `${each.billingKind} of ${each.deploymentId} came to ${each.after ?? 'nothing'}, before ` +
                  `${each.before ?? 'nothing'}: ${each.difference} ${each.currency}.`,
              ),
              ...of.invoices.map(
                (each) =>
                  `${each.number ?? 'A draft'} of ${each.tenantId} became ${each.after?.status ?? 'nothing'}` +
                  `${(each.after?.total ?? null) === null ? '' : ` over ${each.after?.total} ${each.currency}`}.`,
              ),
              ...(of.margin ?? []).map(
                (each) =>
                  `The margin of ${each.tenantId ?? 'no tenant'} in ${each.month} went from ${each.before.margin} ` +
                  `to ${each.after.margin} ${each.currency}.`,
              ),
            ];
            return (
              <>
                <Text size="sm" c="dimmed">{`Positions ${of.from} to ${of.to}`}</Text>
                {told.length === 0 ? (
                  <Text>Nothing that counts changed.</Text>
                ) : (
                  <List>
                    {told.map((each, index) => (
                      <List.Item key={index}>{each}</List.Item>
                    ))}
                  </List>
                )}
              </>
            );
          }}
        </Answered>
      )}
    </>
  );
}
