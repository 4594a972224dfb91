import type { Caller } from '#ledger/caller';
import type { LedgerCore } from '#ledger/ledger-core';
import { readInvoiceNumbers } from '#projections/invoices/invoices.read';
import { readMarkedSince } from '#projections/restatements/restatements.read';
import { importSources } from './backfill.js';
import type { BackfillRequest, BackfillSummary } from './request.js';
import type { CarryOut } from './command-import.js';
import type { Source } from '../rows/source.js';
import { CoveredTime } from './survey.js';

/**
 * Billed lines that an import reached, and the invoices of their parts within the time that it covers. Differences are
 * booked as corrections.
 */
export interface Historic {
  readonly tenantId: string;
  readonly invoices: readonly string[];
  /** The numbers of these invoices, in their order. */
  readonly numbers: readonly string[];
  readonly lines: number;
}

export interface Imported extends BackfillSummary {
  readonly historic: readonly Historic[];
}

/**
 * Imports files, and reports which issued invoices they reached. Errors: `unreadable_file`, `invalid_mapping`,
 * `missing_column`; of costs, also `delivery_unnamed`, `delivery_interrupted` and `delivery_file_changed`.
 */
export async function imported(
  core: LedgerCore,
  sources: readonly Source[],
  request: BackfillRequest,
  work: { readonly caller: Caller; readonly carryOut: CarryOut },
): Promise<Imported> {
  const from = await core.log.head();
  const covered = new CoveredTime();
  const summary = await importSources(sources, request, {
    ...work,
    core,
    isDry: false,
    keepsFiles: true,
    surveyor: covered,
  });
  return { ...summary, historic: await historicSince(core, from, covered) };
}

/** Issued lines that were marked after a position, including marks by others who wrote at the same time. */
async function historicSince(
  { db, projector }: LedgerCore,
  position: number,
  covered: CoveredTime,
): Promise<Historic[]> {
  const marked = await readMarkedSince(db, position, covered);
  const numbers = await readInvoiceNumbers(db, await projector.catchUp(), [
    ...new Set(marked.flatMap(({ invoices }) => invoices)),
  ]);
  return marked.map(({ tenant_id: tenantId, invoices, lines }) => ({
    ...{ tenantId, invoices, lines },
    numbers: invoices.flatMap((id) => numbers.get(id) ?? []),
  }));
}
