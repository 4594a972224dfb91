import { Group, Select, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useList } from '../answers.ts';
import { isDayText } from '../formats.ts';
import { isEventPosition, useChoice, useParam } from '../moment.ts';
import { changing } from '../parts/inputs.ts';
import { When } from '../parts/states.tsx';
import { ListTable, To } from '../parts/table.tsx';

/** What the list of events is narrowed to, once the field is left, or at Enter. */
function Narrowing({
  value,
  set,
  ...field
}: {
  readonly label: string;
  readonly placeholder?: string;
  readonly type?: 'date';
  readonly value: string;
  readonly set: (value: string) => void;
  readonly error?: string | null;
}) {
  const [typed, setTyped] = useState(value);
  // The address may change without the field: by a link, or by going back.
  useEffect(() => {
    setTyped(value);
  }, [value]);
  const take = (): void => {
    const next = typed.trim();
    if (next !== value) set(next);
  };
  return (
    <TextInput
      {...field}
      value={typed}
      onChange={changing(setTyped)}
      onBlur={take}
      onKeyDown={({ key }) => {
        if (key === 'Enter') take();
      }}
    />
  );
}

const ORDERS = ['newest', 'oldest'] as const;

const DAY_MS = 86_400_000;
const startOf = (day: string): string => `${day}T00:00:00Z`;
const endOf = (day: string): string => new Date(Date.parse(startOf(day)) + DAY_MS).toISOString();

const notOf = (isRight: boolean, value: string, message: string): string | null =>
  value === '' || isRight ? null : message;

/** The log, with the newest event first unless the list begins at a position. */
export function Events() {
  const [type, setType] = useParam('type', '');
  const [stream, setStream] = useParam('stream', '');
  const [actor, setActor] = useParam('actor', '');
  const [since, setSince] = useParam('since', '');
  const [until, setUntil] = useParam('until', '');
  const [position, setPosition] = useParam('position', '');
  const [order, setOrder] = useChoice('order', ORDERS, position === '' ? 'newest' : 'oldest');
  const isStart = isEventPosition(position);
  const isInOrder = !isDayText(since) || !isDayText(until) || since <= until;
  const events = useList('events', {
    order,
    ...(type === '' ? {} : { type }),
    ...(stream === '' ? {} : { stream }),
    ...(actor === '' ? {} : { actor }),
    ...(isDayText(since) ? { start: startOf(since) } : {}),
    ...(isDayText(until) && isInOrder ? { end: endOf(until) } : {}),
    // The API answers with what is after a position.
    ...(isStart && position !== '1' ? { after: Number(position) - 1 } : {}),
  });
  const dayError = 'Enter a day such as 2026-04-01';
  return (
    <>
      <Group mb="sm" align="start">
        <Narrowing label="Type" placeholder="RateCorrected" value={type} set={setType} />
        <Narrowing label="Stream" value={stream} set={setStream} />
        <Narrowing label="Actor" value={actor} set={setActor} />
        <Narrowing
          label="Recorded from (UTC)"
          type="date"
          value={since}
          set={setSince}
          error={notOf(isDayText(since), since, dayError)}
        />
        <Narrowing
          label="Recorded up to (UTC)"
          type="date"
          value={until}
          set={setUntil}
          error={isInOrder ? notOf(isDayText(until), until, dayError) : 'Enter a day that is not before the first'}
        />
        <Narrowing
          label="From position"
          value={position}
          set={setPosition}
          error={notOf(isStart, position, 'Enter a log position such as 100')}
        />
        <Select
          label="Order"
          allowDeselect={false}
          data={[
            { value: 'newest', label: 'Newest first' },
            { value: 'oldest', label: 'Oldest first' },
          ]}
          value={order}
          onChange={(next) => {
            if (next !== null) setOrder(next);
          }}
        />
      </Group>
      <ListTable
        list={events}
        name="events"
        keyOf={({ eventId }) => eventId}
        empty="No event is of this type, stream, actor and time. Clear a field to see more."
        columns={[
          {
            title: 'Position',
            value: (each) => each.position,
            show: (each) => <To path={`/explain/${each.position}`}>{each.position}</To>,
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
