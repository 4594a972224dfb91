import { Anchor, Button, Group, ScrollArea, Table, Text, TextInput, UnstyledButton } from '@mantine/core';
import type { UseInfiniteQueryResult } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import { quantityText } from '../formats.ts';
import { useHref } from '../moment.ts';
import { download } from './download.ts';
import { changing } from './inputs.ts';
import { Answered, During, Money } from './states.tsx';

export interface Column<Row> {
  readonly title: string;
  /** What is filtered, sorted and exported. */
  readonly value: (row: Row) => string | number | null;
  /** What is shown, if it is not the value. */
  readonly show?: (row: Row) => ReactNode;
  /** Amounts and quantities: right-aligned, and sorted as numbers. */
  readonly isNumber?: boolean;
  /** The value is an amount in this currency. It is shown in its form, unless `show` says otherwise. */
  readonly currency?: string;
}

const isRight = ({ isNumber, currency }: Pick<Column<never>, 'isNumber' | 'currency'>): boolean =>
  isNumber === true || currency !== undefined;

/** Drawing thousands of rows takes a browser longer than asking for them. */
const [FIRST_ROWS, MORE_ROWS] = [50, 200];

/** The rows that are not loaded yet. */
export interface More<Row> {
  /** Asks for the next page. */
  readonly next: () => void;
  /** Loads all pages, and answers the rows of all. undefined: only page by page. Errors: those of a page. */
  readonly all?: () => Promise<readonly Row[]>;
}

interface TableProps<Row> {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly keyOf: (row: Row) => string;
  /** What to do where there is nothing. */
  readonly empty: string;
  /** What there is besides the rows. undefined: nothing. */
  readonly more?: More<Row> | undefined;
  /** What a row opens into, in place. */
  readonly inner?: (row: Row) => ReactNode;
  /** The row of this key opens, and has the focus, each time that this is another object. It is shown in any case. */
  readonly opened?: { readonly key: string } | null;
  /** A few fixed rows: there is nothing to filter or to export. */
  readonly isPlain?: boolean;
}

/** The period of a fact, sorted by its start. */
export const IN_FORCE = {
  title: 'In force',
  value: ({ effectiveFrom }: { readonly effectiveFrom: string }) => effectiveFrom,
  show: ({ period }: { readonly period: Parameters<typeof During>[0]['of'] }) => <During of={period} />,
};

/** A quantity with thousands. */
export const QUANTITY = {
  title: 'Quantity',
  value: ({ quantity }: { readonly quantity: string }) => quantity,
  show: ({ quantity }: { readonly quantity: string }) => quantityText(quantity),
  isNumber: true,
};

/** A list as the API answers it, page by page. `only`: which of its items are shown. Default: all. */
export function ListTable<Item>({
  list,
  only = () => true,
  ...table
}: Omit<TableProps<Item>, 'rows' | 'more'> & {
  readonly list: UseInfiniteQueryResult<readonly Item[]>;
  readonly only?: (item: Item) => boolean;
}) {
  return (
    <Answered answer={list}>
      {(items) => <DataTable {...table} rows={items.filter(only)} more={moreOf(list, (all) => all.filter(only))} />}
    </Answered>
  );
}

/** undefined: there is none. */
export const nextPageOf = (
  list: Pick<UseInfiniteQueryResult, 'hasNextPage' | 'fetchNextPage'>,
): (() => void) | undefined => (list.hasNextPage ? () => void list.fetchNextPage() : undefined);

/** The further pages of a list, whose items become rows. undefined: there is none. */
export function moreOf<Item, Row>(
  list: UseInfiniteQueryResult<readonly Item[]>,
  rowsOf: (items: readonly Item[]) => readonly Row[],
): More<Row> | undefined {
  const next = nextPageOf(list);
  return next === undefined ? undefined : { next, all: async () => rowsOf(await everyItemOf(list)) };
}

async function everyItemOf<Item>(list: UseInfiniteQueryResult<readonly Item[]>): Promise<readonly Item[]> {
  let at = list;
  while (at.hasNextPage) {
    at = await at.fetchNextPage();
    if (at.error !== null) throw at.error;
  }
  return at.data ?? [];
}

/** A list that can be filtered, sorted and exported. */
export function DataTable<Row>({
  name,
  rows,
  columns,
  keyOf,
  empty,
  more,
  inner,
  opened = null,
  isPlain = false,
}: TableProps<Row>) {
  const [filter, setFilter] = useState('');
  const [most, setMost] = useState(FIRST_ROWS);
  const [sort, setSort] = useState<{ readonly by: number; readonly down: boolean } | null>(null);
  const [isLoading, setIsLoading] = useState(false);
  const arranged = (all: readonly Row[]): readonly Row[] => {
    const found = all.filter((row) =>
      columns.some(({ value }) =>
        String(value(row) ?? '')
          .toLowerCase()
          .includes(filter.toLowerCase()),
      ),
    );
    const column = sort === null ? undefined : columns[sort.by];
    const sorted = column === undefined ? found : found.toSorted(comparedBy(column));
    return sort?.down === true ? sorted.toReversed() : sorted;
  };
  const shown = arranged(rows);
  if (rows.length === 0 && more === undefined) return <Text c="dimmed">{empty}</Text>;
  const every = more?.all;
  /** All rows that there are, or those that are loaded. A page that is refused is shown in the place of the table. */
  const load = async (take: (all: readonly Row[]) => void): Promise<void> => {
    setIsLoading(true);
    const all = every === undefined ? rows : await every().catch(() => null);
    if (all !== null) take(all);
    setIsLoading(false);
  };
  const isOpened = (row: Row): boolean => opened !== null && keyOf(row) === opened.key;
  const first = shown.slice(0, most);
  const drawn = first.some(isOpened) ? first : [...rows.filter(isOpened), ...first];
  return (
    <div>
      {!isPlain && (
        <Group justify="space-between" mb="xs">
          <TextInput aria-label={`Filter ${name}`} placeholder="Filter" value={filter} onChange={changing(setFilter)} />
          <Group gap="xs">
            <Text size="sm" c="dimmed">
              {shown.length === rows.length ? rows.length : `${shown.length} of ${rows.length}`}
              {more === undefined ? '' : ' or more'}
            </Text>
            <Button
              variant="default"
              size="xs"
              loading={isLoading}
              onClick={() => {
                void load((all) => {
                  download(`${name}.csv`, csvOf(columns, arranged(all)), 'text/csv');
                });
              }}
            >
              {more !== undefined && every === undefined ? `CSV of the first ${rows.length}` : 'CSV'}
            </Button>
          </Group>
        </Group>
      )}
      {more !== undefined && (filter !== '' || sort !== null) && (
        <Group gap="xs" mb="xs">
          <Text size="sm">{`Only the first ${rows.length} rows are filtered and sorted: there are more.`}</Text>
          {every !== undefined && (
            <Button variant="default" size="compact-sm" loading={isLoading} onClick={() => void load(() => undefined)}>
              Load all rows
            </Button>
          )}
        </Group>
      )}
      <ScrollArea type="auto" offsetScrollbars="x">
        <Table striped highlightOnHover aria-label={name}>
          <Table.Thead>
            <Table.Tr>
              {inner !== undefined && <Table.Th>Details</Table.Th>}
              {columns.map(({ title, ...column }, index) => (
                <Table.Th
                  key={title}
                  ta={isRight(column) ? 'right' : 'left'}
                  aria-sort={sort?.by !== index ? 'none' : sort.down ? 'descending' : 'ascending'}
                >
                  <UnstyledButton
                    fw={700}
                    fz="sm"
                    onClick={() => {
                      setSort({ by: index, down: sort?.by === index && !sort.down });
                    }}
                  >
                    {title}
                    {sort?.by === index ? (sort.down ? ' ↓' : ' ↑') : ''}
                  </UnstyledButton>
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {drawn.map((row) => (
              <TableRow
                key={keyOf(row)}
                row={row}
                columns={columns}
                inner={inner}
                named={keyOf(row)}
                opened={isOpened(row) ? opened : null}
              />
            ))}
          </Table.Tbody>
        </Table>
      </ScrollArea>
      {(shown.length > most || more !== undefined) && (
        <Button
          variant="default"
          mt="sm"
          onClick={() => {
            setMost(most + MORE_ROWS);
            if (shown.length <= most + MORE_ROWS) more?.next();
          }}
        >
          Show more
        </Button>
      )}
    </div>
  );
}

function TableRow<Row>({
  row,
  columns,
  inner,
  named,
  opened,
}: Pick<TableProps<Row>, 'columns'> & {
  readonly row: Row;
  readonly named: string;
  readonly inner: ((row: Row) => ReactNode) | undefined;
  readonly opened: object | null;
}) {
  const [isOpen, setIsOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (opened === null) return;
    setIsOpen(true);
    button.current?.focus();
  }, [opened]);
  return (
    <>
      <Table.Tr>
        {inner !== undefined && (
          <Table.Td>
            <Button
              ref={button}
              size="compact-xs"
              variant="default"
              aria-expanded={isOpen}
              aria-label={`${isOpen ? 'Close' : 'Open'} ${named}`}
              onClick={() => {
                setIsOpen(!isOpen);
              }}
            >
              {isOpen ? '▾' : '▸'}
            </Button>
          </Table.Td>
        )}
        {columns.map((column) => (
          <Table.Td
            key={column.title}
            ta={isRight(column) ? 'right' : 'left'}
            className={isRight(column) ? 'number' : isShort(column.value(row)) ? 'short' : 'wide'}
          >
            {shownOf(column, row)}
          </Table.Td>
        ))}
      </Table.Tr>
      {inner !== undefined && isOpen && (
        <Table.Tr>
          <Table.Td colSpan={columns.length + 1}>{inner(row)}</Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

function shownOf<Row>({ value, show, currency }: Column<Row>, row: Row): ReactNode {
  if (show !== undefined) return show(row);
  const of = value(row);
  if (of === null) return '–';
  return currency === undefined ? of : <Money amount={String(of)} currency={currency} />;
}

/** What has room on a line. Longer texts are broken. */
const SHORT = 32;
const isShort = (value: string | number | null): boolean => String(value ?? '').length <= SHORT;

/** Order only: an amount stays a text everywhere else. */
const comparedBy =
  <Row,>(column: Column<Row>) =>
  (a: Row, b: Row): number => {
    const [one, other] = [column.value(a), column.value(b)];
    return isRight(column)
      ? Number(one ?? 0) - Number(other ?? 0)
      : String(one ?? '').localeCompare(String(other ?? ''));
  };

/** A text that a spreadsheet would read as a formula begins with an apostrophe. */
const cellOf = (value: string | number | null, isNumber: boolean): string => {
  const text = String(value ?? '');
  const safe = !isNumber && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

const CURRENCY = 'Currency';

/** The currency of a row's amounts. null: it has none. */
const currencyOf = <Row,>(row: Row, columns: readonly Column<Row>[]): string | null =>
  typeof row === 'object' && row !== null && 'currency' in row && typeof row.currency === 'string'
    ? row.currency
    : (columns.find(({ currency }) => currency !== undefined)?.currency ?? null);

/** Amounts are without their currency: it has a column of its own where rows have one. */
function csvOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const isNamed = columns.some(({ title }) => title === CURRENCY);
  const all: readonly Column<Row>[] =
    isNamed || rows.every((row) => currencyOf(row, columns) === null)
      ? columns
      : [...columns, { title: CURRENCY, value: (row) => currencyOf(row, columns) }];
  return [
    all.map(({ title }) => cellOf(title, false)).join(','),
    ...rows.map((row) => all.map((column) => cellOf(column.value(row), isRight(column))).join(',')),
    '',
  ].join('\r\n');
}

/** A link to another page, at the same moment. */
export function To({ path, children }: { readonly path: string; readonly children: ReactNode }) {
  const href = useHref();
  return (
    <Anchor component={Link} href={href(path)} inherit underline="always">
      {children}
    </Anchor>
  );
}

/** A link to the explanation of something. */
export function Explain({ id, children }: { readonly id: string; readonly children: ReactNode }) {
  return <To path={`/explain/${encodeURIComponent(id)}`}>{children}</To>;
}
