import { Alert, Badge, Button, Card, Group, Loader, Stack, Text, Title } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { LedgerlineProblem } from '../../../../clients/typescript/runtime.ts';
import { instantText, isNegative, moneyText, periodText } from '../formats.ts';

/** What a person asked for is refused, by an answer that is no problem of the API itself. */
export class Refused extends Error {}

/** What went wrong, and what to do. */
export function Failure({ error, retry }: { readonly error: Error; readonly retry?: () => void }) {
  const isProblem = error instanceof LedgerlineProblem;
  const isRefused = error instanceof Refused;
  return (
    <Alert color="red" title={isProblem ? error.code : isRefused ? 'Refused' : 'No answer'} role="alert">
      <Text size="sm">
        {isProblem || isRefused
          ? error.message
          : 'The API did not answer. Check that it runs and can be reached, then retry.'}
      </Text>
      {isProblem &&
        error.errors.map(({ field, message }) => <Text key={field} size="sm">{`${field} ${message}`}</Text>)}
      {retry !== undefined && (
        <Button mt="xs" size="xs" variant="default" onClick={retry}>
          Retry
        </Button>
      )}
    </Alert>
  );
}

/** A command was proposed and not carried out: nothing has changed yet. */
export const Proposed = () => (
  <Alert color="orange" title="proposed" role="status">
    The change is above the limit for one person. Someone else approves it under Settings.
  </Alert>
);

/** What the answer to a command says beside its figures. */
export const Noticed = ({ of }: { readonly of: { readonly status: string; readonly notice: string | null } }) => (
  <Alert color="orange" title={of.status} role="status">
    {of.notice}
  </Alert>
);

/** Shows an answer once it is there. */
export function Answered<Answer>({
  answer,
  children,
}: {
  readonly answer: Pick<UseQueryResult<Answer>, 'data' | 'error'> & { readonly refetch: () => Promise<unknown> };
  readonly children: (data: Answer) => ReactNode;
}) {
  if (answer.error !== null) return <Failure error={answer.error} retry={() => void answer.refetch()} />;
  if (answer.data === undefined) return <Loader size="sm" role="status" aria-label="Loading" />;
  return children(answer.data);
}

export function Money({ amount, currency }: { readonly amount: string; readonly currency: string }) {
  return <span className={isNegative(amount) ? 'number negative' : 'number'}>{moneyText(amount, currency)}</span>;
}

/** In a time zone, and in UTC where the mouse points at it. */
export function When({ at, timeZone = 'UTC' }: { readonly at: string | null; readonly timeZone?: string }) {
  if (at === null) return '–';
  return (
    <time dateTime={at} title={`${instantText(at)} UTC`}>
      {instantText(at, timeZone)}
    </time>
  );
}

/** A period in a time zone, and in UTC where the mouse points at it. */
export function During({ of, timeZone = 'UTC' }: { readonly of: OpenPeriod; readonly timeZone?: string }) {
  const { start, end } = of;
  return (
    <span title={`${instantText(start)} – ${end === null ? 'open' : instantText(end)} UTC`}>
      {periodText(of, timeZone)}
    </span>
  );
}

interface OpenPeriod {
  readonly start: string;
  readonly end: string | null;
}

/** Orange that white text can be read on. */
const WAITING = '#a33b00';
/** Green that white text can be read on. */
const DONE = '#1f6b30';

const COLORS: Readonly<Record<string, string>> = {
  issued: 'blue.8',
  paid: DONE,
  void: 'gray.7',
  draft: WAITING,
  open: WAITING,
  approved: DONE,
  rejected: 'red.9',
  compared: WAITING,
  swapped: DONE,
  rolled_back: DONE,
  failed: 'red.9',
  equal: DONE,
  differs: 'red.9',
  not_recorded: WAITING,
  not_imported: WAITING,
  raised: 'red.9',
  cleared: DONE,
  running: 'blue.8',
  ended: DONE,
  upcoming: 'gray.7',
  not_held: 'gray.7',
};

export const Status = ({ of }: { readonly of: string }) => (
  <Badge color={COLORS[of] ?? 'gray.7'} variant="filled" miw="max-content">
    {of.replaceAll('_', ' ')}
  </Badge>
);

export function Figure({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <Card withBorder padding="sm" className="figure">
      <Text size="sm" c="dimmed">
        {title}
      </Text>
      <Text fz="xl" fw={700} component="div">
        {children}
      </Text>
    </Card>
  );
}

/** Amounts of one currency, each with its title, and other figures after them. */
export function Figures({
  of,
  currency,
  children,
}: {
  readonly of: readonly (readonly [title: string, amount: string])[];
  readonly currency: string;
  readonly children?: ReactNode;
}) {
  return (
    <div className="figures">
      {of.map(([title, amount]) => (
        <Figure key={title} title={title}>
          <Money amount={amount} currency={currency} />
        </Figure>
      ))}
      {children}
    </div>
  );
}

export function Page({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <Stack gap="md">
      <Group justify="space-between" align="center">
        <Title order={1} fz="h2">
          {title}
        </Title>
        {aside}
      </Group>
      {children}
    </Stack>
  );
}

export function Section({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <section aria-label={title}>
      <Title order={2} fz="h4" mb="xs">
        {title}
      </Title>
      {children}
    </section>
  );
}
