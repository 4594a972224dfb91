import { documentNumber } from '#domain/invoices/invoice';
import { type Period, samePeriod } from '#domain/time/period';
import type { LedgerCore } from '#ledger/ledger-core';
import { COST_LINE_ORDER, type NamedCostLine, readNamedCostLines } from '#projections/costs/costs.read';
import { type AfterRow, readExportedRows } from '#projections/invoices/issued-rows.read';
import {
  billingMonthOf,
  type ExportedCost,
  type FocusColumn,
  type FocusRow,
  focusOfCost,
  focusOfIssued,
} from './focus-row.js';

const PAGE_ROWS = 1000;

/**
 * The cost and revenue of a month as rows with these columns, as known at a position. Rows are read page by page, so
 * their number is not limited.
 */
export async function* focusRows(
  core: LedgerCore,
  position: number,
  month: Period,
  { issuer, columns }: { readonly issuer: string; readonly columns: readonly FocusColumn[] },
): AsyncGenerator<Partial<FocusRow>> {
  const shown = (row: FocusRow): Partial<FocusRow> =>
    Object.fromEntries(columns.map((column) => [column, row[column] ?? null]));
  for await (const cost of costsOf(core, position, month)) yield shown(focusOfCost(cost));
  for await (const row of issuedOf(core, position, month, issuer)) yield shown(row);
}

async function* costsOf({ db, details }: LedgerCore, position: number, month: Period): AsyncGenerator<ExportedCost> {
  const names = new Names(details);
  for (let after: readonly string[] | null = null; ;) {
    const rows: NamedCostLine[] = await readNamedCostLines(db, position, month, { after, limit: PAGE_ROWS });
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
    after = COST_LINE_ORDER.keyOf(last);
  }
}

/** Names of tenants. Each is looked up once. An erased tenant has none. */
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

const NIL_UUID = '00000000-0000-0000-0000-000000000000';

async function* issuedOf(
  { db, details }: LedgerCore,
  position: number,
  month: Period,
  issuer: string,
): AsyncGenerator<FocusRow> {
  const names = new Names(details);
  let after: AfterRow = { documentId: NIL_UUID, rowId: NIL_UUID };
  for (;;) {
    const rows = await readExportedRows(db, position, month, { after, limit: PAGE_ROWS });
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
    after = { documentId: last.document_id, rowId: last.row_id };
  }
}
