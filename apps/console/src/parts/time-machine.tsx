import { Button, Group, Popover, Slider, Stack, Text, TextInput } from '@mantine/core';
import { DateTimePicker } from '@mantine/dates';
import { useState } from 'react';
import { useAnswer } from '../answers.ts';
import { instantText } from '../formats.ts';
import { isMoment, isPosition, useMoment } from '../moment.ts';
import { useMay } from '../session.tsx';
import { changing } from './inputs.ts';

/** Chooses the moment that all pages answer for: now, an instant of recording, or a log position. */
export function TimeMachine() {
  const { asOf, set } = useMoment();
  const isStaff = useMay('platform_admin', 'operator', 'auditor');
  const isInstant = asOf !== undefined && !isPosition(asOf) && isMoment(asOf);
  return (
    <Popover width={360} position="bottom-end" withArrow trapFocus>
      <Popover.Target>
        <Button
          size="xs"
          variant={asOf === undefined ? 'default' : 'filled'}
          color={asOf === undefined ? '' : 'grape.9'}
        >
          {`As of ${momentText(asOf)}`}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="sm">
          <Text size="sm">All pages show what was known at this moment.</Text>
          <DateTimePicker
            label="Instant (UTC)"
            clearable
            valueFormat="DD MMM YYYY HH:mm"
            value={isInstant ? pickedText(asOf) : null}
            popoverProps={{ withinPortal: false }}
            onChange={(value) => {
              set(value === null ? undefined : `${value.replace(' ', 'T')}Z`);
            }}
          />
          {isStaff && <Positions asOf={asOf} set={set} />}
          <Button
            variant="default"
            disabled={asOf === undefined}
            onClick={() => {
              set(undefined);
            }}
          >
            Back to now
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

/** An instant as the picker reads it: in UTC, without its zone. */
const pickedText = (instant: string): string => new Date(instant).toISOString().slice(0, 19).replace('T', ' ');

function momentText(asOf: string | undefined): string {
  if (asOf === undefined) return 'now';
  if (isPosition(asOf)) return `position ${asOf}`;
  return isMoment(asOf) ? instantText(asOf) : 'no such moment';
}

function Positions({ asOf, set }: { readonly asOf: string | undefined; readonly set: (asOf: string) => void }) {
  const { data } = useAnswer('projections', {}, { now: true });
  const marks = useAnswer('marks', {}, { now: true });
  const head = Math.max(0, ...(data?.items ?? []).map((each) => each.head));
  const at = asOf !== undefined && isPosition(asOf) ? Number(asOf) : head;
  const [changed, setChanged] = useState<string | null>(null);
  const typed = changed ?? String(at);
  if (head === 0) return null;
  return (
    <>
      <Text size="sm" fw={500}>
        {`Log position, 1 to ${head}`}
      </Text>
      <div className="timeline">
        <Slider
          thumbLabel="Log position"
          min={1}
          max={head}
          defaultValue={Math.min(at, head)}
          onChangeEnd={(value) => {
            setChanged(String(value));
            set(String(value));
          }}
        />
        {(marks.data?.marks ?? []).map(({ position, kind }) => (
          <span
            key={`${kind} ${position}`}
            className="mark"
            data-kind={kind}
            style={{ left: `${(100 * position) / head}%` }}
          />
        ))}
      </div>
      <Text size="xs" c="dimmed">
        Blue: issued invoices. Red: corrections and late facts of invoiced lines.
      </Text>
      <Group gap="xs">
        <TextInput aria-label="Log position as a number" value={typed} onChange={changing(setChanged)} />
        <Button
          variant="default"
          disabled={!/^[1-9]\d*$/.test(typed) || Number(typed) > head}
          onClick={() => {
            set(typed);
          }}
        >
          Go
        </Button>
      </Group>
    </>
  );
}
