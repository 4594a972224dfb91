import { Text } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { decimal, sum, text } from '#domain/money/decimal';
import type { UsageRecord } from '../../../../clients/typescript/ledgerline.ts';
import { useAnswer, useAnswers } from '../answers.ts';
import { monthOf, monthText, quantityText } from '../formats.ts';
import { useNow } from '../moment.ts';
import { Answered } from './states.tsx';

const DayBars = lazy(async () => ({ default: (await import('../charts/day-bars.tsx')).DayBars }));

/** The first records of a month, and the first deployments, suffice for a picture. It says if there are more. */
const [MOST_RECORDS, MOST_DEPLOYMENTS] = [5000, 50];

interface InMonth {
  /** Default: this month. */
  readonly month?: string;
}

/** Usage by day and kind of one deployment. */
export const UsageChart = ({ deploymentId, month }: InMonth & { readonly deploymentId: string }) => (
  <Chart named={`Deployment ${deploymentId}`} deploymentIds={[deploymentId]} month={month} />
);

/** Usage by day and kind of all deployments of a tenant together, while they were its own. */
export function TenantUsageChart({ tenantId, month }: InMonth & { readonly tenantId: string }) {
  const deployments = useAnswer('deployments', { tenantId, limit: MOST_DEPLOYMENTS });
  return (
    <Answered answer={deployments}>
      {({ items, nextCursor }) => {
        if (items.length === 0) return <Text c="dimmed">There is no deployment.</Text>;
        const assignmentsOf = new Map(items.map(({ deploymentId, assignments }) => [deploymentId, assignments]));
        return (
          <Chart
            named={
              nextCursor === null
                ? `All deployments of ${tenantId} (${items.length})`
                : `The first ${items.length} deployments of ${tenantId}; others are not in the picture`
            }
            deploymentIds={items.map(({ deploymentId }) => deploymentId)}
            only={({ deploymentId, period }) => {
              const before = assignmentsOf.get(deploymentId)?.filter(({ from }) => isUpTo(from, period.start));
              return before?.at(-1)?.tenantId === tenantId;
            }}
            month={month}
          />
        );
      }}
    </Answered>
  );
}

const isUpTo = (one: string, other: string): boolean => Date.parse(one) <= Date.parse(other);

function Chart({
  named,
  deploymentIds,
  only = () => true,
  month: given,
}: {
  readonly named: string;
  readonly deploymentIds: readonly string[];
  readonly only?: (record: UsageRecord) => boolean;
  readonly month: string | undefined;
}) {
  const thisMonth = monthOf(useNow());
  const month = given ?? thisMonth;
  const start = `${month}-01T00:00:00Z`;
  const end = `${monthOf(new Date(start), 1)}-01T00:00:00Z`;
  const answers = useAnswers(
    'usageRecords',
    deploymentIds.map((deploymentId) => ({ deploymentId, start, end, limit: MOST_RECORDS })),
  );
  return (
    <Answered answer={answers}>
      {(pages) => {
        const records = pages.flatMap(({ items }) => items).filter(only);
        if (records.length === 0) return <Text c="dimmed">{`${named}: no usage in ${monthText(month)}.`}</Text>;
        const { days, kinds } = byDay(records, start, end);
        const isWhole = pages.every(({ nextCursor }) => nextCursor === null);
        return (
          <>
            <Text size="sm">{`${named}, ${monthText(month)}`}</Text>
            <Text size="sm" c="dimmed">
              {isWhole
                ? `In all: ${kinds.map((kind) => `${kind} ${quantityText(totalOf(records, kind))}`).join(', ')}`
                : `The picture has the first ${MOST_RECORDS} records of each deployment only.`}
            </Text>
            <Suspense fallback="Loading the chart">
              <DayBars days={days} kinds={kinds} />
            </Suspense>
          </>
        );
      }}
    </Answered>
  );
}

const totalOf = (records: readonly UsageRecord[], kind: string): string =>
  text(sum(records.filter(({ billingKind }) => billingKind === kind).map(({ quantity }) => decimal(quantity))));

const DAY_MS = 86_400_000;

/** Sums for drawing only: bars are as wide as a pixel, and amounts come from the ledger. */
function byDay(
  records: readonly UsageRecord[],
  start: string,
  end: string,
): {
  readonly days: readonly Readonly<Record<string, string | number>>[];
  readonly kinds: readonly string[];
} {
  const kinds = [...new Set(records.map(({ billingKind }) => billingKind))].sort();
  const used = Map.groupBy(records, ({ period }) => period.start.slice(0, 10));
  const dayCount = (Date.parse(end) - Date.parse(start)) / DAY_MS;
  // Days without usage, too: they are as wide as the others.
  const days = Array.from({ length: dayCount }, (_, n) => new Date(Date.parse(start) + n * DAY_MS).toISOString());
  return {
    kinds,
    days: days
      .map((each) => each.slice(0, 10))
      .map((day) => ({
        day,
        ...Object.fromEntries(
          kinds.map((kind) => [
            kind,
            (used.get(day) ?? [])
              .filter(({ billingKind }) => billingKind === kind)
              .reduce((sum, each) => sum + Number(each.quantity), 0),
          ]),
        ),
      })),
  };
}
