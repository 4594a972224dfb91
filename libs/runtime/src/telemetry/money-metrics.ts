import type { Registry } from 'prom-client';
import { INVOICE_STATUSES, type InvoiceStatus } from '#domain/invoices/invoice';
import { daysFrom } from '#domain/metering/metering';
import type { LedgerCore } from '#ledger/ledger-core';
import { countInvoices } from '#projections/invoices/issued-invoices.read';
import { readLastMeteredDay } from '#projections/metering/metering.read';
import { readOpenProposals } from '#projections/proposals/proposals.read';
import { type LastCheck, lastCheck } from '#ledger/last-check';
import { SharedGauges } from './shared-gauges.js';

interface Figures {
  readonly invoices: ReadonlyMap<InvoiceStatus, number>;
  readonly proposals: number;
  /** Seconds since 1970. null: no day was metered. */
  readonly meteredUntil: number | null;
  /** Seconds since 1970. null: all events are projected. */
  readonly oldestUnprojected: number | null;
  readonly check: LastCheck;
}

const secondsOf = (instant: string): number => Date.parse(instant) / 1000;

/** All as of the last projected position: nothing is projected for a scrape. */
async function figuresOf(core: LedgerCore): Promise<Figures> {
  const { db } = core;
  const position = await core.projector.position();
  const [invoices, open, date, since, check] = await Promise.all([
    countInvoices(db, position),
    readOpenProposals(db, position),
    readLastMeteredDay(db, position),
    core.recordedAt(position + 1),
    lastCheck(core),
  ]);
  const end = date === null ? undefined : daysFrom(date, date)[0]?.end;
  return {
    invoices,
    proposals: open.length,
    meteredUntil: end === undefined ? null : secondsOf(end),
    oldestUnprojected: since === null ? null : secondsOf(since),
    check,
  };
}

/** Gauges of what waits for someone. */
export function watchMoney(core: LedgerCore, registry: Registry): void {
  const gauges = new SharedGauges(registry, async () => figuresOf(core));
  gauges.addLabelled(
    'ledgerline_invoices',
    'Invoices by status',
    'status',
    ({ invoices }) => new Map(INVOICE_STATUSES.map((status) => [status, invoices.get(status) ?? 0])),
  );
  gauges.add('ledgerline_proposals_open', 'Changes that wait for a second person', ({ proposals }) => proposals);
  gauges.add(
    'ledgerline_metered_until_timestamp_seconds',
    'End of the last metered day; absent if none was metered',
    ({ meteredUntil }) => meteredUntil,
  );
  gauges.add(
    'ledgerline_oldest_unprojected_timestamp_seconds',
    'When the first event that is not projected was recorded; absent if all events are projected',
    ({ oldestUnprojected }) => oldestUnprojected,
  );
  gauges.add(
    'ledgerline_check_timestamp_seconds',
    'When check last ran as of then; absent if it never ran',
    ({ check: { checkedAt } }) => (checkedAt === null ? null : secondsOf(checkedAt)),
  );
  gauges.add(
    'ledgerline_check_failures',
    'Failures that the last check found; absent if it never ran',
    ({ check: { checkedAt, failureCount } }) => (checkedAt === null ? null : failureCount),
  );
  gauges.addLabelled(
    'ledgerline_check_findings',
    'Failures and notices of the last check by code, such as usage_unbilled',
    'code',
    ({ check: { byCode } }) => new Map(Object.entries(byCode)),
  );
}
