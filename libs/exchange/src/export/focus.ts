import { documentNumber, type FrozenRow } from '#domain/invoices/invoice';
import type { Instant } from '#domain/time/instant';
import { type Period, samePeriod } from '#domain/time/period';
import { type CostLineRow, costLines } from '#projections/costs/costs.table';
import { resources } from '#projections/inventory/inventory.table';
import { tenants } from '#projections/tenants/tenants.table';
import { inForce } from '#read-model/table';
import type { LedgerCore } from '#ledger/ledger-core';
import { billingMonthOf, type ExportedCost, type FocusRow, focusOfCost, focusOfIssued } from './focus-row.js';

const PAGE_ROWS = 1000;

/** A month's cost and revenue as rows of FOCUS 1.2, as known at a position; page by page, whatever their number. */
export async function* focusRows(
  core: LedgerCore,
  position: number,
  month: Period,
  issuer: string,
): AsyncGenerator<FocusRow> {
  for await (const cost of costsOf(core, position, month)) yield focusOfCost(cost);
  yield* issuedOf(core, position, month, issuer);
}

type CostRecord = CostLineRow & {
  readonly resource_name: string | null;
  readonly resource_kind: string | null;
  readonly details_ref: string | null;
};

async function* costsOf({ pool, details }: LedgerCore, position: number, month: Period): AsyncGenerator<ExportedCost> {
  const names = new Names(details);
  let after: readonly string[] = ['', '', ''];
  for (;;) {
    const { rows } = await pool.query<CostRecord>(
      `SELECT c.*, r.name AS resource_name, r.kind AS resource_kind, t.details_ref FROM ${inForce(costLines, '$1')} c` +
        ` LEFT JOIN ${inForce(resources, '$1')} r ON r.provider = c.provider AND r.provider_id = c.resource_id` +
        ` LEFT JOIN ${inForce(tenants, '$1')} t ON t.tenant_id = c.tenant_id` +
        ' WHERE c.charge_period_start >= $2 AND c.charge_period_start < $3' +
        ' AND (c.provider, c.invoice_ref, c.line_key) > ($4, $5, $6) ORDER BY c.provider, c.invoice_ref, c.line_key LIMIT $7',
      [position, month.start, month.end, ...after, PAGE_ROWS],
    );
    await names.learn(rows.flatMap(({ details_ref }) => details_ref ?? []));
    for (const row of rows)
      yield {
        row,
        resourceName: row.resource_name,
        resourceKind: row.resource_kind,
        tenantName: names.of(row.details_ref),
      };
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    after = [last.provider, last.invoice_ref, last.line_key];
  }
}

/** Tenants' names, each asked for once; of one that was erased there is none. */
class Names {
  private readonly known = new Map<string, string>();
  constructor(private readonly details: LedgerCore['details']) {}

  async learn(refs: readonly string[]): Promise<void> {
    const unknown = [...new Set(refs)].filter((ref) => !this.known.has(ref));
    for (const [ref, name] of await this.details.names(unknown)) this.known.set(ref, name);
  }

  of(ref: string | null): string | null {
    return ref === null ? null : (this.known.get(ref) ?? null);
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

async function* issuedOf(
  { pool, details }: LedgerCore,
  position: number,
  month: Period,
  issuer: string,
): AsyncGenerator<FocusRow> {
  const names = new Names(details);
  let after: readonly [string, string] = [
    '00000000-0000-0000-0000-000000000000',
    '00000000-0000-0000-0000-000000000000',
  ];
  for (;;) {
    const { rows } = await pool.query<IssuedRecord>(
      `SELECT d.document_id, d.series, d.ordinal, d.issued_at, d.tenant_id, d.currency, t.details_ref, r.n, r.row_id, r.row FROM ${DOCUMENTS}` +
        ' JOIN invoice_rows r ON r.invoice_id = d.document_id AND r.attempt = d.rows_attempt' +
        ' JOIN tenants t ON t.tenant_id = d.tenant_id AND t.position_from <= $1 AND (t.position_to IS NULL OR t.position_to > $1)' +
        // Issued or charged within the month: which of the two counts, the row says.
        " WHERE ((r.row -> 'chargePeriod' ->> 'start')::timestamptz >= $2 AND (r.row -> 'chargePeriod' ->> 'start')::timestamptz < $3 OR d.issued_at >= $2 AND d.issued_at < $3)" +
        ' AND (d.document_id, r.row_id) > ($4::uuid, $5::uuid) ORDER BY d.document_id, r.row_id LIMIT $6',
      [position, month.start, month.end, ...after, PAGE_ROWS],
    );
    await names.learn(rows.map(({ details_ref }) => details_ref));
    for (const { series, ordinal, issued_at: issuedAt, tenant_id: tenantId, currency, details_ref, row } of rows) {
      const issued = {
        row,
        number: documentNumber(series, ordinal),
        issuedAt,
        tenantId,
        tenantName: names.of(details_ref),
        currency,
      };
      if (samePeriod(billingMonthOf(issued), month)) yield* focusOfIssued(issued, issuer);
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    after = [last.document_id, last.row_id];
  }
}
