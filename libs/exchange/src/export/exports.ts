import { z } from 'zod';
import { conflict, invalid } from '#domain/errors';
import { zMonth } from '#ledger/month';
import { parse } from '#domain/schema';
import type { LedgerCore } from '#ledger/ledger-core';
import { knownPosition, zMoment } from '#ledger/query';
import { focusRows } from './focus.js';
import { FOCUS_VERSIONS, focusColumns } from './focus-row.js';
import { accountsOf, JOURNAL_FORMATS, zAccounts } from './journal/accounts.js';
import { bookedPostings } from './journal/closed.js';
import { monthText } from './journal/dates.js';
import { importFile, isImportFormat } from './journal/import-file.js';
import { type Posting, POSTING_COLUMNS } from './journal/journal.js';
import { plainText } from './journal/plain-text.js';

export const EXPORT_KINDS = ['focus', 'journal', 'usage', 'lines', 'invoices', 'margin'] as const;
export type ExportKind = (typeof EXPORT_KINDS)[number];

/** The exported rows, one by one, and their columns in CSV. */
export interface Export {
  readonly columns: readonly string[];
  readonly rows: AsyncIterable<Readonly<Record<string, unknown>>>;
  /** The whole file, if its format is not a table. Then the rows are not to be read. */
  readonly text?: AsyncIterable<string | Buffer>;
}

/** The queries that exports read, with the rights of the caller. */
export interface Sources {
  readonly tenants: Source<Page>;
  readonly usageRecords: Source<Page>;
  readonly lines: Source<Page>;
  readonly invoices: Source<Page>;
  readonly margin: Source<MarginViews>;
}
type Source<Answer> = (params: Readonly<Record<string, unknown>>) => Promise<Answer>;

type Item = Readonly<Record<string, unknown>>;
interface Page {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
  readonly pruned?: readonly string[] | undefined;
}
interface MarginViews {
  readonly period: string;
  readonly currency: string;
  readonly overall: Item;
  readonly byTenant: readonly Item[];
  readonly byDeployment: readonly Item[];
  readonly byKind: { readonly revenue: readonly Item[]; readonly cogs: readonly Item[] };
  readonly unattributed: Item;
}

const DEFAULT_ISSUER = 'Ledgerline';
const PAGE_ROWS = 1000;

const zParams = z.strictObject({
  period: zMonth.optional(),
  currency: z.string().optional(),
  /** The seller, as FOCUS names it. */
  issuer: z.string().min(1).default(DEFAULT_ISSUER),
  /** Of FOCUS. */
  version: z
    .enum(FOCUS_VERSIONS, `is not a known version of FOCUS (known: ${FOCUS_VERSIONS.join(', ')})`)
    .default('1.2'),
  asOf: zMoment.optional(),
  /** Of a journal. */
  format: z.enum(JOURNAL_FORMATS).default('csv'),
  accounts: zAccounts.default({}),
});

const USAGE = [
  'deploymentId',
  'provider',
  'resourceId',
  'billingKind',
  'period.start',
  'period.end',
  'granularity',
  'sourceId',
  'quantity',
  'rateKey.resourceType',
  'rateKey.resourceFamily',
  'rateKey.location',
  'attributes',
  'subAttribution',
  'origin',
  'correctedBy',
];
const LINES = [
  'lineId',
  'parentLineId',
  'status',
  'tenantId',
  'subscriptionId',
  'deploymentId',
  'invoiceId',
  'billingKind',
  'currency',
  'period.start',
  'period.end',
  'quantity',
  'net',
  'rows',
];
const INVOICES = [
  'invoiceId',
  'number',
  'status',
  'tenantId',
  'payerId',
  'currency',
  'asOf',
  'issuedAt',
  'dueAt',
  'paidAt',
  'voidedAt',
  'subtotal',
  'tax',
  'total',
  'creditTaken',
  'amountDue',
  'lines',
];
const MARGIN = [
  'view',
  'period',
  'currency',
  'tenantId',
  'deploymentId',
  'kind',
  'revenue',
  'cogs',
  'margin',
  'marginPct',
  'directCogs',
  'sharedCogs',
  'directMargin',
  'directMarginPct',
];

/**
 * Exports as of now, or as of a position or an instant. All pages are read at that position. Errors:
 * `invalid_parameter`, and those of `knownPosition` and of the queries.
 */
export async function exported(
  core: LedgerCore,
  kind: ExportKind,
  input: Record<string, unknown>,
  sources: Sources,
): Promise<Export> {
  const params = parse(zParams, input, `export ${kind}`, 'invalid_parameter');
  const { period, currency, issuer, version } = params;
  const head = await core.projector.catchUp();
  const asOf = String(params.asOf === undefined ? head : await knownPosition(core, 'asOf', params.asOf));
  const within = period === undefined ? {} : { start: period.start, end: period.end };
  switch (kind) {
    case 'focus': {
      const columns = focusColumns(version);
      return { columns, rows: focusRows(core, Number(asOf), required(kind, period), { issuer, columns }) };
    }
    case 'journal': {
      const { format, accounts } = params;
      const month = required(kind, period);
      const booked = bookedPostings(core, Number(asOf), month, accountsOf(accounts, format));
      const rows = currency === undefined ? booked : inCurrency(booked, currency);
      const table = { columns: POSTING_COLUMNS, rows };
      if (format === 'csv' || format === 'jsonl') return table;
      if (!isImportFormat(format)) return { ...table, text: plainText(rows, format) };
      const at = (await core.recordedAt(Number(asOf))) ?? month.start;
      const of = { format, currency: inOne(format, currency), month: monthText(month.start), at };
      return { ...table, text: importFile(rows, of, accounts) };
    }
    case 'usage':
      return { columns: USAGE, rows: pages(sources.usageRecords, { asOf, ...within }, whole) };
    case 'lines':
      return {
        columns: LINES,
        rows: linesByTenant(sources, asOf, period === undefined ? null : period.start.slice(0, 7)),
      };
    case 'invoices':
      return { columns: INVOICES, rows: pages(sources.invoices, { asOf }) };
    case 'margin':
      return {
        columns: MARGIN,
        rows: marginRows(sources, {
          asOf,
          period: required(kind, period).start.slice(0, 7),
          ...(currency === undefined ? {} : { currency }),
        }),
      };
  }
}

async function* inCurrency(postings: AsyncIterable<Posting>, currency: string): AsyncGenerator<Posting> {
  for await (const posting of postings) if (posting.currency === currency) yield posting;
}

/** Bookkeeping programs take a file of one currency. Errors: `invalid_parameter`. */
function inOne(format: string, currency: string | undefined): string {
  if (currency === undefined)
    throw invalid('invalid_parameter', `export journal: ${format} is in one currency. Give --currency, such as EUR.`, [
      { field: 'currency', message: 'is missing' },
    ]);
  return currency;
}

function required<Value>(kind: ExportKind, value: Value | undefined): Value {
  if (value === undefined)
    throw invalid('invalid_parameter', `export ${kind} needs a month. Give --period, such as 2026-04.`, [
      { field: 'period', message: 'is missing' },
    ]);
  return value;
}

/** A file can't show what it lacks. */
function whole({ pruned = [] }: Page): void {
  if (pruned.length > 0)
    throw conflict(
      'usage_pruned',
      `export usage: raw records of ${pruned.join(', ')} were pruned. Export other months, one at a time (--period).`,
    );
}

/** All items of a list, page by page. */
async function* pages(
  source: Source<Page>,
  params: Readonly<Record<string, unknown>>,
  check: (page: Page) => void = () => undefined,
): AsyncGenerator<Item> {
  let cursor: string | null = null;
  do {
    const page: Page = await source({ ...params, limit: PAGE_ROWS, ...(cursor === null ? {} : { cursor }) });
    check(page);
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor !== null);
}

/** Lines are rated by tenant, all lines of a tenant together. At most this many are in memory. */
async function* linesByTenant({ tenants, lines }: Sources, asOf: string, month: string | null): AsyncGenerator<Item> {
  for await (const tenant of pages(tenants, { asOf }))
    for await (const line of pages(lines, { asOf, tenantId: tenant['tenantId'] }))
      if (month === null || startOf(line).startsWith(month)) yield line;
}
const startOf = ({ period }: Item): string =>
  typeof period === 'object' && period !== null && 'start' in period ? String(period.start) : '';

/** The views of a margin, one after the other. Each adds up to the overall view, so they are not added together. */
async function* marginRows({ margin }: Sources, params: Readonly<Record<string, unknown>>): AsyncGenerator<Item> {
  const { period, currency, overall, byTenant, byDeployment, byKind, unattributed } = await margin(params);
  const of = (view: string, rows: readonly Item[]): Item[] => rows.map((row) => ({ view, period, currency, ...row }));
  yield* of('overall', [overall]);
  yield* of('tenant', byTenant);
  yield* of('deployment', byDeployment);
  yield* of(
    'revenue by kind',
    byKind.revenue.map(({ billingKind, ...rest }) => ({ kind: billingKind, ...rest })),
  );
  yield* of('cost by kind', byKind.cogs);
  yield* of('unattributed', [unattributed]);
}
