import { Alert, Button, Group, List, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useAnswer, useList } from '../answers.ts';
import { useParam } from '../moment.ts';
import { Answered, Page, Section, When } from '../parts/states.tsx';
import { ListTable, To } from '../parts/table.tsx';
import { changing } from '../parts/inputs.ts';

export function Audit() {
  return (
    <Page title="Audit">
      <Section title="Check">
        <Check />
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
  if (!isAsked)
    return (
      <Button
        onClick={() => {
          setIsAsked(true);
        }}
      >
        Check the ledger
      </Button>
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
          <List>
            {[...failures, ...notices].map(({ code, message, remedy }, index) => (
              <List.Item key={index}>{`${code}: ${message} ${remedy}`}</List.Item>
            ))}
          </List>
        </Stack>
      )}
    </Answered>
  );
}

function Difference() {
  const [from, setFrom] = useParam('from', '');
  const [to, setTo] = useParam('to', '');
  const [asked, setAsked] = useState<{ readonly from: string; readonly to?: string } | null>(null);
  const differences = useAnswer('diff', asked);
  return (
    <>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setAsked({ from, ...(to === '' ? {} : { to }) });
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

function Events() {
  const [type, setType] = useParam('type', '');
  const [stream, setStream] = useParam('stream', '');
  const events = useList('events', {
    ...(type === '' ? {} : { type }),
    ...(stream === '' ? {} : { stream }),
  });
  return (
    <>
      <Group mb="sm">
        <TextInput
          label="Type"
          placeholder="RateCorrected"
          defaultValue={type}
          onBlur={({ currentTarget }) => {
            setType(currentTarget.value.trim());
          }}
        />
        <TextInput
          label="Stream"
          defaultValue={stream}
          onBlur={({ currentTarget }) => {
            setStream(currentTarget.value.trim());
          }}
        />
      </Group>
      <ListTable
        list={events}
        name="events"
        keyOf={({ eventId }) => eventId}
        empty="No event is of this type and stream."
        columns={[
          {
            title: 'Position',
            value: ({ position }) => position,
            show: ({ position }) => <To path={`/explain/${position}`}>{position}</To>,
            isNumber: true,
          },
          { title: 'Type', value: (each) => each.type },
          { title: 'Stream', value: (each) => each.stream },
          { title: 'Recorded', value: (each) => each.recordedAt, show: (each) => <When at={each.recordedAt} /> },
          { title: 'Actor', value: (each) => each.actor },
          { title: 'Reason', value: (each) => each.reason },
        ]}
      />
    </>
  );
}
