import { Text } from '@mantine/core';
import { lazy, Suspense } from 'react';
import type { UsageRecord } from '../../../../clients/typescript/ledgerline.ts';
import { useAnswer } from '../answers.ts';
import { monthOf, monthText } from '../formats.ts';
import { Answered } from './states.tsx';

const DayBars = lazy(async () => ({ default: (await import('../charts/day-bars.tsx')).DayBars }));

/** The first records of a month suffice for a picture. The table below it says how many there are. */
const MOST_RECORDS = 5000;

/** Usage by day and kind of one deployment, or of all deployments of a tenant. */
export function UsageChart({
  tenantId,
  deploymentId,
  month = monthOf(new Date()),
}: {
  readonly tenantId?: string;
  readonly deploymentId?: string;
  readonly month?: string;
}) {
  const deployments = useAnswer('deployments', tenantId === undefined ? null : { tenantId });
  const id = deploymentId ?? deployments.data?.items[0]?.deploymentId;
  const start = `${month}-01T00:00:00Z`;
  const end = `${monthOf(new Date(start), 1)}-01T00:00:00Z`;
  const records = useAnswer(
    'usageRecords',
    id === undefined ? null : { deploymentId: id, start, end, limit: MOST_RECORDS },
  );
  if (id === undefined && deployments.data !== undefined) return <Text c="dimmed">There is no deployment.</Text>;
  return (
    <Answered answer={records}>
      {({ items }) => {
        if (items.length === 0) return <Text c="dimmed">{`${id} used nothing in ${monthText(month)}.`}</Text>;
        const { days, kinds } = byDay(items);
        return (
          <>
            <Text size="sm">{`Deployment ${id}, ${monthText(month)}`}</Text>
            <Suspense fallback="Loading the chart">
              <DayBars days={days} kinds={kinds} />
            </Suspense>
          </>
        );
      }}
    </Answered>
  );
}

/** Sums for drawing only: bars are as wide as a pixel, and amounts come from the ledger. */
function byDay(records: readonly UsageRecord[]): {
  readonly days: readonly Readonly<Record<string, string | number>>[];
  readonly kinds: readonly string[];
} {
  const kinds = [...new Set(records.map(({ billingKind }) => billingKind))].sort();
  const days = Map.groupBy(records, ({ period }) => period.start.slice(0, 10));
  return {
    kinds,
    days: [...days]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([day, of]) => ({
        day,
        ...Object.fromEntries(
          kinds.map((kind) => [
            kind,
            of.filter(({ billingKind }) => billingKind === kind).reduce((sum, each) => sum + Number(each.quantity), 0),
          ]),
        ),
      })),
  };
}
