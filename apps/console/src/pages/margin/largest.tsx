import { Group, SegmentedControl, Stack, Text } from '@mantine/core';
import { lazy, type ReactNode, Suspense, useMemo, useState } from 'react';
import { decimal, sum, text } from '#domain/money/decimal';
import { useChoice } from '../../moment.ts';

const PartBars = lazy(async () => ({ default: (await import('../../charts/part-bars.tsx')).PartBars }));

/** More are one bar, named Others. */
const MOST = 10;

/** Amounts that are drawn, by their names in a row. */
const SERIES = {
  revenue: ['Revenue', '#1971c2'],
  cogs: ['Cost', '#868e96'],
  margin: ['Margin', '#2f9e44'],
} as const;
type Name = keyof typeof SERIES;

/** The largest rows by the size of an amount, all others, and what the amounts of the others come to. */
function dividedBy<Amounts extends Name, Row extends Readonly<Record<Amounts, string>>>(
  by: Amounts,
  names: readonly Amounts[],
  rows: readonly Row[],
) {
  const bySize = rows
    .map((row) => ({ row, size: decimal(row[by]).abs() }))
    .sort((a, b) => b.size.cmp(a.size))
    .map(({ row }) => row);
  const others = bySize.slice(MOST);
  const sums = names.map((name) => text(sum(others.map((row) => decimal(row[name])))));
  return { first: bySize.slice(0, MOST), others, sums };
}

/**
 * The largest rows as bars, above the table that has all of them. A bar opens its row there: `table` gets what
 * `DataTable` takes as `opened`. `of`: the plural of what the rows are. `names`: one array for all renderings.
 */
export function Largest<Amounts extends Name, Row extends Readonly<Record<Amounts, string>>>({
  of,
  rows,
  keyOf,
  titleOf,
  names,
  currency,
  table,
}: {
  readonly of: string;
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly titleOf: (row: Row) => string;
  readonly names: readonly [Amounts, ...Amounts[]];
  readonly currency: string;
  readonly table: (opened: { readonly key: string } | null) => ReactNode;
}) {
  const [by, setBy] = useChoice('largest', names, names[0]);
  const [opened, setOpened] = useState<{ readonly key: string } | null>(null);
  // There can be thousands of rows, and a picture is shown again with each of them that is opened.
  const { first, others, sums } = useMemo(() => dividedBy(by, names, rows), [by, names, rows]);
  const parts = [
    ...first.map((row) => ({
      title: titleOf(row),
      amounts: names.map((name) => row[name]),
      open: () => {
        setOpened({ key: keyOf(row) });
      },
    })),
    ...(others.length === 0
      ? []
      : [
          {
            title: `Others (${others.length})`,
            amounts: sums,
          },
        ]),
  ];
  const title = `${SERIES[names.length === 1 ? by : 'margin'][0]} of the largest ${of}`;
  return (
    <Stack gap="xs">
      {rows.length > 0 && (
        <div role="group" aria-label={title}>
          <Group gap="sm" mb="xs">
            {names.length > 1 && (
              <Group gap="xs">
                <Text size="sm">Largest by</Text>
                <SegmentedControl
                  size="xs"
                  aria-label="Largest by"
                  value={by}
                  onChange={setBy}
                  data={names.map((value) => ({ value, label: SERIES[value][0] }))}
                />
              </Group>
            )}
            {names.map((name) => (
              <Text key={name} size="sm" component="span">
                <span className="swatch" style={{ background: SERIES[name][1] }} />
                {SERIES[name][0]}
              </Text>
            ))}
            <Text size="sm" c="dimmed" component="span">
              A bar opens its row in the table.
            </Text>
          </Group>
          <Suspense fallback="Loading the chart">
            <PartBars parts={parts} series={names.map((name) => SERIES[name])} currency={currency} />
          </Suspense>
        </div>
      )}
      {table(opened)}
    </Stack>
  );
}
