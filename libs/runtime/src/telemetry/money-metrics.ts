import { Gauge, type Registry } from 'prom-client';
import { INVOICE_STATUSES, type InvoiceStatus } from '#domain/invoices/invoice';
import { daysFrom } from '#domain/metering/metering';
import type { LedgerCore } from '#ledger/ledger-core';
import { countInvoices } from '#projections/invoices/issued-invoices.read';
import { readLastMeteredDay } from '#projections/metering/metering.read';
import { readOpenProposals } from '#projections/proposals/proposals.read';

interface Figures {
  readonly invoices: ReadonlyMap<InvoiceStatus, number>;
  readonly proposals: number;
  /** Seconds since 1970. null: no day was metered. */
  readonly meteredUntil: number | null;
  /** Seconds since 1970. null: all events are projected. */
  readonly oldestUnprojected: number | null;
}

const secondsOf = (instant: string): number => Date.parse(instant) / 1000;

/** All as of the last projected position: nothing is projected for a scrape. */
async function figuresOf(core: LedgerCore): Promise<Figures> {
  const { db } = core;
  const position = await core.projector.position();
  const [invoices, open, date, since] = await Promise.all([
    countInvoices(db, position),
    readOpenProposals(db, position),
    readLastMeteredDay(db, position),
    core.recordedAt(position + 1),
  ]);
  const end = date === null ? undefined : daysFrom(date, date)[0]?.end;
  return {
    invoices,
    proposals: open.length,
    meteredUntil: end === undefined ? null : secondsOf(end),
    oldestUnprojected: since === null ? null : secondsOf(since),
  };
}

/** Gauges of what waits for someone. A gauge whose value is unknown is absent. */
export function watchMoney(core: LedgerCore, registry: Registry): void {
  // The gauges of one scrape share one reading, so that they are of the same moment.
  let reading: Promise<Figures | null> | undefined;
  const figures = async (): Promise<Figures | null> =>
    (reading ??= figuresOf(core)
      .catch(() => null)
      .finally(() => {
        reading = undefined;
      }));
  const gauge = (name: string, help: string, valueIn: (of: Figures) => number | null): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        const of = await figures();
        const value = of === null ? null : valueIn(of);
        if (value === null) this.remove();
        else this.set(value);
      },
    });
  new Gauge({
    name: 'ledgerline_invoices',
    help: 'Invoices by status',
    labelNames: ['status'] as const,
    registers: [registry],
    async collect() {
      const of = await figures();
      this.reset();
      if (of !== null) for (const status of INVOICE_STATUSES) this.set({ status }, of.invoices.get(status) ?? 0);
    },
  });
  gauge('ledgerline_proposals_open', 'Changes that wait for a second person', ({ proposals }) => proposals);
  gauge(
    'ledgerline_metered_until_timestamp_seconds',
    'End of the last metered day; absent if none was metered',
    ({ meteredUntil }) => meteredUntil,
  );
  gauge(
    'ledgerline_oldest_unprojected_timestamp_seconds',
    'When the first event that is not projected was recorded; absent if all events are projected',
    ({ oldestUnprojected }) => oldestUnprojected,
  );
}
