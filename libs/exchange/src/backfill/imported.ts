import type { Caller } from '#ledger/caller';
import type { LedgerCore } from '#ledger/ledger-core';
import { type BackfillRequest, type BackfillSummary, importSources } from './backfill.js';
import type { CarryOut } from './command-import.js';
import type { Source } from '../rows/source.js';
import { Stretch } from './survey.js';

/** Billed lines that an import reached, and the invoices of their parts within its stretch of time: differences are booked as corrections. */
export interface Historic {
  readonly tenantId: string;
  readonly invoices: readonly string[];
  readonly lines: number;
}

export interface Imported extends BackfillSummary {
  readonly historic: readonly Historic[];
}

/** Imports files, and says which issued invoices they reached. */
export async function imported(
  core: LedgerCore,
  sources: readonly Source[],
  request: BackfillRequest,
  work: { readonly caller: Caller; readonly carryOut: CarryOut },
): Promise<Imported> {
  const from = await core.log.head();
  const stretch = new Stretch();
  const summary = await importSources(sources, request, {
    ...work,
    core,
    isDry: false,
    keepsFiles: true,
    surveyor: stretch,
  });
  return { ...summary, historic: await historicSince(core, from, stretch) };
}

/** Marks of issued lines after a position: with those of others, who wrote meanwhile. */
async function historicSince({ pool }: LedgerCore, position: number, { from, until }: Stretch): Promise<Historic[]> {
  const { rows } = await pool.query<{ tenant_id: string; invoices: string[]; lines: number }>(
    'SELECT m.tenant_id, array_agg(DISTINCT i.invoice_id::text ORDER BY i.invoice_id::text) AS invoices, count(DISTINCT m.line_id)::int AS lines' +
      ' FROM restatements m JOIN invoice_parts p ON p.line_id = m.line_id AND p.position_to IS NULL' +
      " JOIN invoices i ON i.invoice_id = p.invoice_id AND i.position_to IS NULL AND i.status IN ('issued', 'paid')" +
      ' WHERE m.marked_at > $1 AND ($2::timestamptz IS NULL OR p.period_end > $2) AND ($3::timestamptz IS NULL OR p.period_start < $3) GROUP BY m.tenant_id ORDER BY m.tenant_id',
    [position, from, until],
  );
  return rows.map(({ tenant_id: tenantId, invoices, lines }) => ({ tenantId, invoices, lines }));
}
