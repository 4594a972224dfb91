import { Alert, Anchor, List, Stack, Text } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { Link } from 'wouter';
import { useAnswer } from '../answers.ts';
import { instantText, monthOf, monthText } from '../formats.ts';
import { useHref, useMoment, useNow } from '../moment.ts';
import { Answered, Failure, Figure, Figures, Money, Page, Section } from '../parts/states.tsx';
import { DataTable, To } from '../parts/table.tsx';
import { useMay } from '../session.tsx';
import { Named } from '../parts/named.tsx';

const MonthBars = lazy(async () => ({ default: (await import('../charts/month-bars.tsx')).MonthBars }));

/** This month and the last twelve, and what needs someone. */
export function Home() {
  const { asOf } = useMoment();
  const isAdmin = useMay('platform_admin');
  return (
    <Page title="Home">
      <NeedsSomeone />
      {isAdmin && (
        <>
          <Accrued key={asOf ?? 'now'} />
          <Year />
        </>
      )}
    </Page>
  );
}

/** Lists are asked for one page: what matters here is whether there is any, and about how many. */
const FEW = { limit: 100 };

/** What goes through all usage, lines or costs is asked for once in five minutes, however often the page is opened. */
const LARGE = { keptMs: 300_000 };

/** A list that can be filtered. */
const MANY = 10;

const LATE_SECONDS = 60;
const isLate = ({ lagSeconds }: { readonly lagSeconds: number | null }): boolean => (lagSeconds ?? 0) > LATE_SECONDS;

function NeedsSomeone() {
  const href = useHref();
  const isAdmin = useMay('platform_admin');
  const unbilled = useAnswer('unbilled', FEW, LARGE);
  const days = useAnswer('daysToMeter', {}, LARGE);
  const quarantined = useAnswer('lines', { ...FEW, quarantined: 'true' }, LARGE);
  const drafts = useAnswer('invoices', { ...FEW, status: 'draft', withoutLines: 'true' });
  const proposals = useAnswer('proposals', { ...FEW, status: 'open' });
  const alerts = useAnswer('alerts', isAdmin ? { ...FEW, state: 'raised' } : null);
  const projections = useAnswer('projections', {}, { now: true });
  const looks = [
    { answer: unbilled, what: 'kinds of usage that no line bills', to: '/usage' },
    { answer: days, what: 'days to be metered', to: '/usage' },
    { answer: quarantined, what: "lines that can't be rated", to: '/usage' },
    { answer: drafts, what: 'drafts to be issued', to: '/invoices' },
    { answer: proposals, what: 'proposals to be decided on', to: '/settings' },
    ...(isAdmin ? [{ answer: alerts, what: 'alerts about margin and cost', to: '/margin?view=alerts' }] : []),
  ];
  const halted = projections.data?.halted ?? null;
  const late = halted === null ? (projections.data?.items ?? []).filter(isLate) : [];
  const open = [
    ...looks.map(({ answer: { data }, ...look }) => ({
      ...look,
      count: data?.items.length ?? 0,
      isMore: (data?.nextCursor ?? null) !== null,
    })),
    { count: late.length, isMore: false, what: 'projections more than a minute behind the log', to: '/projections' },
  ].filter(({ count }) => count > 0);
  const failed = looks.flatMap(({ answer: { error, refetch }, what }) =>
    error === null ? [] : [{ error, refetch, what }],
  );
  const waiting = looks.filter(({ answer }) => answer.error === null && answer.data === undefined);
  const isAll = failed.length === 0 && waiting.length === 0;
  return (
    <Section title="Needs someone">
      <Answered answer={projections}>
        {() => (
          <Stack gap="xs">
            {halted !== null && (
              <Alert color="red" title={`The projections halted at position ${halted.position}`}>
                {halted.reason}
              </Alert>
            )}
            {isAll && open.length === 0 && halted === null && (
              <Text>Nothing: all usage is billed or covered, no draft waits, and the projections run.</Text>
            )}
            {open.length > 0 && (
              <List>
                {open.map(({ count, isMore, what, to }) => (
                  <List.Item key={what}>
                    <Anchor component={Link} href={href(to)} underline="always">
                      {`${count}${isMore ? ' or more' : ''} ${what}`}
                    </Anchor>
                  </List.Item>
                ))}
              </List>
            )}
            {waiting.length > 0 && (
              <Text c="dimmed" role="status" aria-label="Loading">
                {`Looking for ${waiting.map(({ what }) => what).join(', ')} …`}
              </Text>
            )}
            {failed.map(({ error, refetch, what }) => (
              <Failure key={what} error={error} retry={() => void refetch()} />
            ))}
            <LastCheck />
            <Owed />
          </Stack>
        )}
      </Answered>
    </Section>
  );
}

/** What the last check found. It is not checked again: that reads the whole ledger. */
function LastCheck() {
  const href = useHref();
  const last = useAnswer('lastCheck', {}, { now: true });
  return (
    <Answered answer={last}>
      {({ checkedAt, ok, failureCount, noticeCount }) => (
        <Text>
          {checkedAt === null
            ? 'The ledger was never checked. '
            : `Checked on ${instantText(checkedAt)} UTC: ` +
              (ok === true ? `all is consistent, ${noticeCount} notices. ` : `${failureCount} failures. `)}
          <Anchor component={Link} href={href('/audit')} underline="always" c={ok === false ? 'red.9' : ''}>
            {ok === false ? 'See the failures' : 'Check that all is consistent'}
          </Anchor>
        </Text>
      )}
    </Answered>
  );
}

/** What was corrected and is not booked yet. */
function Owed() {
  const owed = useAnswer('owed', {});
  return (
    <Answered answer={owed}>
      {({ items, nextCursor }) =>
        items.length === 0 ? (
          <Text>
            {nextCursor === null
              ? 'No correction waits for an invoice.'
              : 'The first tenants with corrections owe nothing; there are more tenants than are shown here.'}
          </Text>
        ) : (
          <DataTable
            name="owed corrections"
            rows={items}
            keyOf={({ tenantId, currency }) => `${tenantId} ${currency}`}
            empty=""
            isPlain={items.length < MANY}
            columns={[
              {
                title: 'Corrected, not booked yet',
                value: ({ tenantId }) => tenantId,
                show: ({ tenantId }) => (
                  <To path={`/tenants/${encodeURIComponent(tenantId)}`}>
                    <Named kind="tenant" id={tenantId} />
                  </To>
                ),
              },
              {
                title: 'Net',
                value: ({ net }) => net,
                show: ({ net, currency }) => <Money amount={net} currency={currency} />,
                isNumber: true,
              },
              {
                title: 'Tax',
                value: ({ tax }) => tax,
                show: ({ tax, currency }) => <Money amount={tax} currency={currency} />,
                isNumber: true,
              },
              { title: 'Lines', value: ({ lines }) => lines, isNumber: true },
              { title: "Can't be rated", value: ({ notRated }) => notRated, isNumber: true },
              { title: 'Why', value: ({ reasons }) => reasons.join('; ') },
            ]}
          />
        )
      }
    </Answered>
  );
}

/** The same day and time of the month before, or its last day. In whole minutes, so that it is asked for once. */
function monthBefore(now: Date): string {
  const first = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1));
  const days = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 0)).getUTCDate();
  first.setUTCDate(Math.min(now.getUTCDate(), days));
  return `${first.toISOString().slice(0, 10)}T${now.toISOString().slice(11, 16)}:00Z`;
}

/** The lines of a large ledger are megabytes. */
const TOTALS = { withoutSubscriptions: 'true' } as const;

function Accrued() {
  const now = useNow();
  const [before] = useState(() => monthBefore(now));
  const accrual = useAnswer('accrual', TOTALS, LARGE);
  const lastMonth = useAnswer('accrual', { ...TOTALS, at: before }, LARGE);
  return (
    <Section title="This month so far">
      <Answered answer={accrual}>
        {({ currency, accrued, issued, unbilled, dueAtPeriodEnd }) => (
          <Figures
            of={[
              ['Accrued', accrued],
              ['Already invoiced', issued],
              ['Not invoiced yet', unbilled],
              ['Due only at period end', dueAtPeriodEnd],
            ]}
            currency={currency}
          >
            {lastMonth.data !== undefined && (
              <Figure title="Accrued a month before">
                <Money amount={lastMonth.data.accrued} currency={lastMonth.data.currency} />
              </Figure>
            )}
          </Figures>
        )}
      </Answered>
    </Section>
  );
}

const TITLES = { revenue: 'Revenue', cogs: 'Cost', margin: 'Margin' } as const;

function Year() {
  const now = useNow();
  const [from, to] = [monthOf(now, -11), monthOf(now)];
  const trend = useAnswer('marginTrend', { from, to }, LARGE);
  return (
    <Section title="Revenue, cost and margin of twelve months">
      <Answered answer={trend}>
        {({ currency, months }) => (
          <>
            <Figures
              of={(['revenue', 'cogs', 'margin'] as const).map(
                (of) => [`${TITLES[of]} in ${monthText(to)}`, months.at(-1)?.[of] ?? '0'] as const,
              )}
              currency={currency}
            />
            <Suspense fallback="Loading the chart">
              <MonthBars months={months} currency={currency} />
            </Suspense>
          </>
        )}
      </Answered>
    </Section>
  );
}
