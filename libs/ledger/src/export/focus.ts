import { documentNumber, type FrozenRow } from '#domain/invoices/invoice';
import type { Instant } from '#domain/time/instant';
import { type Period, samePeriod } from '#domain/time/period';
import { type CostLineRow, costLines } from '#projections/costs/costs.table';
import { inForce } from '#read-model/table';
import type { LedgerCore } from '../ledger-core.js';
import { billingMonthOf, type FocusRow, focusOfCost, focusOfIssued } from './focus-row.js';

const PAGE_ROWS = 1000;

/** A month's cost and revenue as rows of FOCUS 1.2, as known at a position; page by page, whatever their number. */
export async function* focusRows(core: LedgerCore, position: number, month: Period, issuer: string): AsyncGenerator<FocusRow> {
  for await (const row of costsOf(core, position, month)) yield focusOfCost(row);
  yield* issuedOf(core, position, month, issuer);
}

async function* costsOf({ pool }: LedgerCore, position: number, month: Period): AsyncGenerator<CostLineRow> {
  let after: readonly string[] = ['', '', ''];
  for (;;) {
    const { rows } = await pool.query<CostLineRow>(
      `SELECT * FROM ${inForce(costLines, '$1')} c WHERE charge_period_start >= $2 AND charge_period_start < $3` +
        ' AND (provider, invoice_ref, line_key) > ($4, $5, $6) ORDER BY provider, invoice_ref, line_key LIMIT $7',
      [position, month.start, month.end, ...after, PAGE_ROWS],
    );
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    after = [last.provider, last.invoice_ref, last.line_key];
  }
}

interface IssuedRecord {
  readonly document_id: string;
  readonly series: 'INV' | 'CN';
  readonly ordinal: number;
  readonly issued_at: Instant;
  readonly tenant_id: string;
  readonly currency: string;
  readonly details_ref: string;
  readonly n: number;
  readonly row_id: string;
  readonly row: FrozenRow;
}

/** Invoices that are issued and not void, and credit notes, each with the attempt that its rows are of. */
const DOCUMENTS =
  "(SELECT invoice_id AS document_id, 'INV' AS series, ordinal, issued_at, tenant_id, currency, rows_attempt FROM invoices" +
  " WHERE position_from <= $1 AND (position_to IS NULL OR position_to > $1) AND status IN ('issued', 'paid')" +
  " UNION ALL SELECT creditnote.credit_note_id, 'CN', creditnote.ordinal, creditnote.issued_at, creditnote.tenant_id, creditnote.currency, creditnote.rows_attempt FROM credit_notes creditnote" +
  ' WHERE creditnote.position_from <= $1 AND (creditnote.position_to IS NULL OR creditnote.position_to > $1)) d';

async function* issuedOf(core: LedgerCore, position: number, month: Period, issuer: string): AsyncGenerator<FocusRow> {
  const names = new Map<string, string>();
  let after: readonly [string, string] = ['00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000'];
  for (;;) {
    const { rows } = await core.pool.query<IssuedRecord>(
      `SELECT d.document_id, d.series, d.ordinal, d.issued_at, d.tenant_id, d.currency, t.details_ref, r.n, r.row_id, r.row FROM ${DOCUMENTS}` +
        ' JOIN invoice_rows r ON r.invoice_id = d.document_id AND r.attempt = d.rows_attempt' +
        ' JOIN tenants t ON t.tenant_id = d.tenant_id AND t.position_from <= $1 AND (t.position_to IS NULL OR t.position_to > $1)' +
        // Issued or charged within the month: which of the two counts, the row says.
        " WHERE ((r.row -> 'chargePeriod' ->> 'start')::timestamptz >= $2 AND (r.row -> 'chargePeriod' ->> 'start')::timestamptz < $3 OR d.issued_at >= $2 AND d.issued_at < $3)" +
        ' AND (d.document_id, r.row_id) > ($4::uuid, $5::uuid) ORDER BY d.document_id, r.row_id LIMIT $6',
      [position, month.start, month.end, ...after, PAGE_ROWS],
    );
    const unknown = [...new Set(rows.map(({ details_ref }) => details_ref))].filter((ref) => !names.has(ref));
    for (const [ref, name] of await core.details.names(unknown)) names.set(ref, name);
    for (const { series, ordinal, issued_at: issuedAt, tenant_id: tenantId, currency, details_ref, row } of rows) {
      const issued = { row, number: documentNumber(series, ordinal), issuedAt, tenantId, tenantName: names.get(details_ref) ?? null, currency };
      if (samePeriod(billingMonthOf(issued), month)) yield* focusOfIssued(issued, issuer);
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    after = [last.document_id, last.row_id];
  }
}
