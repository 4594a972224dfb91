import { Button, Text } from '@mantine/core';
import { useState } from 'react';
import type { Credit, Event, PlanSubscription } from '../../../../clients/typescript/ledgerline.ts';
import { useAnswer, useList } from '../answers.ts';
import { dayText, moneyText, shareOf } from '../formats.ts';
import { useNow } from '../moment.ts';
import { Answered, Section, When } from '../parts/states.tsx';
import { Explain, nextPageOf } from '../parts/table.tsx';
import { Scale, type ScalePart } from '../parts/scale.tsx';
import { useIsStaff } from '../session.tsx';

const DAY_MS = 86_400_000;
/** What begins later than now is drawn this long at least. */
const AHEAD_MS = 30 * DAY_MS;

interface Span {
  readonly start: string;
  readonly end: string;
}
interface OpenSpan {
  readonly start: string;
  readonly end: string | null;
}

interface OfTenant {
  readonly tenantId: string;
  readonly currencies: readonly string[];
  readonly zone: string;
}

/** On one time line: the plans, tenants and overrides of each subscription, credits, and what was corrected. */
export function Subscriptions({ tenantId, currencies, zone }: OfTenant) {
  const isStaff = useIsStaff();
  const subscriptions = useAnswer('subscriptions', { tenantId });
  const credits = useAnswer('credits', { tenantId });
  const now = useNow();
  return (
    <Section title="Subscriptions">
      <Answered answer={subscriptions}>
        {({ items }) => {
          const granted = credits.data?.items ?? [];
          const whole = wholeOf(items, granted, now.getTime());
          if (whole === null) return <Text c="dimmed">There is no subscription that has begun.</Text>;
          return (
            <>
              {items.map((each) => (
                <OnTimeLine key={each.subscriptionId} of={each} tenantId={tenantId} whole={whole} zone={zone} />
              ))}
              {granted.map((each) => (
                <CreditOnTimeLine key={`${each.creditId} ${each.currency}`} of={each} whole={whole} zone={zone} />
              ))}
              <div className="scale-ends">
                <span>{dayText(whole.start, zone)}</span>
                <span>{dayText(whole.end, zone)}</span>
              </div>
              {isStaff && <Corrections streams={streamsOf(tenantId, currencies, items)} whole={whole} zone={zone} />}
            </>
          );
        }}
      </Answered>
    </Section>
  );
}

/** From the first start to now, or to what begins later. null: there is nothing to draw. */
function wholeOf(subscriptions: readonly PlanSubscription[], credits: readonly Credit[], now: number): Span | null {
  if (subscriptions.length === 0) return null;
  const starts = [
    ...subscriptions.flatMap(({ period, plans, overrides }) => [
      period.start,
      ...plans.map(({ from }) => from),
      ...overrides.map((each) => each.period.start),
    ]),
    ...credits.map(({ period }) => period.start),
  ].map((start) => Date.parse(start));
  const [first, last] = [Math.min(...starts), Math.max(...starts)];
  const end = last >= now ? last + AHEAD_MS : now;
  if (end - first < DAY_MS) return null;
  return { start: new Date(first).toISOString(), end: new Date(end).toISOString() };
}

/** What of a period is within the time line. */
const within = ({ start, end }: OpenSpan, whole: Span): Span => ({
  start,
  end: end === null || Date.parse(end) > Date.parse(whole.end) ? whole.end : end,
});

/** The page of the events of a stream. undefined: the role does not see events. */
function useEvents(): (stream: string, type?: string) => string | undefined {
  const isStaff = useIsStaff();
  return (stream, type) =>
    isStaff
      ? `/audit?${new URLSearchParams({ stream, ...(type === undefined ? {} : { type }) }).toString()}`
      : undefined;
}

const streamOf = (kind: 'tenant' | 'deployment' | 'plan', id: string): string => `${kind}-${encodeURIComponent(id)}`;
const creditStream = (tenantId: string, currency: string): string =>
  `credits-${encodeURIComponent(tenantId)}-${currency}`;

/** The streams that tell what a tenant's subscriptions and credits are, also those of which all was withdrawn. */
const streamsOf = (tenantId: string, currencies: readonly string[], of: readonly PlanSubscription[]): string[] => [
  ...new Set([
    streamOf('tenant', tenantId),
    ...of.map(({ deploymentId }) => streamOf('deployment', deploymentId)),
    ...of.flatMap(({ plans }) => plans.map(({ planId }) => streamOf('plan', planId))),
    ...currencies.map((currency) => creditStream(tenantId, currency)),
  ]),
];

interface OnWhole {
  readonly whole: Span;
  readonly zone: string;
}

function OnTimeLine({
  of,
  tenantId,
  whole,
  zone,
}: OnWhole & { readonly of: PlanSubscription; readonly tenantId: string }) {
  const events = useEvents();
  const { subscriptionId, deploymentId, period, plans, tenancies, overrides } = of;
  const stream = streamOf('deployment', deploymentId);
  const scale = (label: string, parts: readonly ScalePart[]) => (
    <Scale label={`${label} of ${subscriptionId} over time`} whole={whole} timeZone={zone} parts={parts} />
  );
  return (
    <div>
      <Text size="sm">
        {`${subscriptionId} · ${deploymentId} · since ${dayText(period.start, zone)}`}
        {period.end === null ? '' : ` until ${dayText(period.end, zone)}`}
      </Text>
      {scale(
        'Plans',
        plans.map(({ planId, from }, index) => ({
          key: `${planId} ${from}`,
          title: planId,
          state: index % 2 === 0 ? 'own' : 'other',
          path: '/plans',
          period: within({ start: from, end: plans[index + 1]?.from ?? period.end }, whole),
        })),
      )}
      {isMoved(of) &&
        scale(
          'Tenants',
          tenancies.map((each) => ({
            key: each.period.start,
            title: each.tenantId,
            state: each.tenantId === tenantId ? 'own' : 'other',
            path: events(stream, 'DeploymentAssigned'),
            period: within(each.period, whole),
          })),
        )}
      {overrides.length > 0 &&
        scale(
          'Overrides',
          overrides.map((each) => ({
            key: `${each.tenantId} ${each.period.start}`,
            title: overridesText(each),
            state: each.tenantId === tenantId ? 'own' : 'other',
            path: events(stream, 'OverridesSet'),
            period: within(each.period, whole),
          })),
        )}
    </div>
  );
}

/** Whether the deployment was of another tenant for a part of the subscription. */
const isMoved = ({ tenancies, period }: PlanSubscription): boolean =>
  tenancies.length !== 1 ||
  tenancies.some((each) => each.period.start !== period.start || each.period.end !== period.end);

const overridesText = ({ tenantId, baseFee, currency, items }: PlanSubscription['overrides'][number]): string =>
  `${tenantId}: ${[
    ...(baseFee === undefined ? [] : [`base fee ${moneyText(baseFee, currency)}`]),
    ...new Set(items.map(({ billingKind }) => billingKind)),
  ].join(', ')}`;

function CreditOnTimeLine({ of, whole, zone }: OnWhole & { readonly of: Credit }) {
  const events = useEvents();
  const { creditId, tenantId, currency, kind, amount, percent, period } = of;
  const value = percent === undefined ? moneyText(amount ?? '0', currency) : `${percent} %`;
  return (
    <Scale
      label={`${kind} ${creditId} in ${currency} over time`}
      whole={whole}
      timeZone={zone}
      parts={[
        {
          key: creditId,
          title: `${kind} ${creditId}: ${value}`,
          state: 'open',
          path: events(creditStream(tenantId, currency)),
          period: within(period, whole),
        },
      ]}
    />
  );
}

const isCorrection = ({ type }: Event): boolean => /(Corrected|Withdrawn)$/.test(type);

/** Each stream is a request: those of a tenant with many deployments are read only when a person wants them. */
const MOST_STREAMS = 20;

function Corrections({ streams, ...on }: OnWhole & { readonly streams: readonly string[] }) {
  const [isAsked, setIsAsked] = useState(false);
  if (isAsked || streams.length <= MOST_STREAMS)
    return streams.map((stream) => <CorrectionsIn key={stream} stream={stream} {...on} />);
  return (
    <Button
      variant="default"
      onClick={() => {
        setIsAsked(true);
      }}
    >
      {`Look for corrections in ${streams.length} streams`}
    </Button>
  );
}

/** What was corrected or withdrawn in a stream, when it was recorded, each with its event. */
function CorrectionsIn({ stream, whole, zone }: OnWhole & { readonly stream: string }) {
  const events = useList('events', { stream });
  const more = nextPageOf(events);
  return (
    <Answered answer={events}>
      {(all) => {
        const corrections = all.filter(isCorrection);
        return (
          <>
            {corrections.length > 0 && (
              <>
                <Text size="sm">{`Corrections of ${stream}, when they were recorded`}</Text>
                <div className="scale" aria-hidden="true">
                  {corrections.map(({ eventId, recordedAt }) => (
                    <span
                      key={eventId}
                      className="mark"
                      data-kind="corrected"
                      style={{ left: `${markOf(recordedAt, whole)}%`, top: 0, height: '100%' }}
                    />
                  ))}
                </div>
                <ul aria-label={`Corrections of ${stream}`}>
                  {corrections.map(({ eventId, position, type, recordedAt, reason }) => (
                    <li key={eventId}>
                      <Explain id={String(position)}>{type}</Explain>
                      {', '}
                      <When at={recordedAt} timeZone={zone} />
                      {reason === null ? '' : `: ${reason}`}
                    </li>
                  ))}
                </ul>
              </>
            )}
            {more !== undefined && (
              <Button
                variant="default"
                size="xs"
                onClick={more}
              >{`Look for corrections in later events of ${stream}`}</Button>
            )}
          </>
        );
      }}
    </Answered>
  );
}

/** In percent of the time line. What was recorded before it begins is marked at its start. */
const markOf = (at: string, whole: Span): number =>
  Math.min(100, Math.max(0, shareOf({ start: at, end: at }, whole).from));
