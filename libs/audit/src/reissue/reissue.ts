import { canonicalJson } from '#domain/canonical-json';
import type { EventData } from '#domain/events';
import { conflict, notFound } from '#domain/errors';
import { billingStream, documentNumber, type FrozenRow } from '#domain/invoices/invoice';
import { text } from '#domain/money/decimal';
import { recomputed } from '#billing/invoices/reissue';
import { EventCodec } from '#event-store/codec';
import { LogUntil } from '#event-store/until';
import { sha256 } from '#ledger/command';
import { LedgerCore } from '#ledger/ledger-core';
import { Projector } from '#read-model/projector';
import { skippedPositions } from '#read-model/skips';
import { dropSchema } from '../replay/replay.js';

/** An invoice computed again from the log alone, compared with what was frozen when it was issued. */
export interface Reissued {
  /** The rows and the totals are the same, byte for byte. */
  readonly ok: boolean;
  readonly number: string;
  readonly invoiceId: string;
  /** The log position that the invoice was computed at, then and now. */
  readonly computedAt: number;
  readonly differences: readonly Difference[];
}

/** A field of a row, or of the totals, that does not come out as it was frozen. */
export interface Difference {
  /** null: a field of the whole invoice. */
  readonly row: Pick<FrozenRow, 'rowId' | 'lineId' | 'billingKind' | 'chargePeriod' | 'ref' | 'kind'> | null;
  /** `row`: only one of the two invoices has the row. `order`: the rows are in another order. */
  readonly field: string;
  /** null: not there. */
  readonly frozen: unknown;
  readonly computed: unknown;
}

/** The schema of the replay. It is dropped afterwards. */
const SCRATCH = 'ledgerline_reissue';

const codec = new EventCodec();

/**
 * Replays the log up to the position that the invoice was computed at, rates the invoice from that replay, and compares
 * it. Live read models are not read. Takes as long as a rebuild up to that position. Errors: `unknown_invoice`,
 * `invoice_not_issued`.
 */
export async function reissue(core: LedgerCore, idOrNumber: string): Promise<Reissued> {
  const { number, issued } = await issueOf(core, idOrNumber);
  const { invoiceId, computedAt } = issued;
  const { drafted, rows } = await frozenOf(core, issued);
  const again = await core.exclusively('reissue', async () =>
    replayed(core, computedAt, async (then) =>
      recomputed(then, {
        invoice_id: invoiceId,
        tenant_id: issued.tenantId,
        currency: issued.currency,
        as_of: drafted.asOf,
        selection: drafted.selection ?? null,
        computed_at: computedAt,
      }),
    ),
  );
  const { rowsHash, subtotal, tax, total } = issued;
  const frozen = { rows, totals: { rowsHash, subtotal, tax, total } };
  const computed = {
    rows: again.rows,
    totals: {
      rowsHash: sha256(canonicalJson(again.rows)),
      subtotal: text(again.subtotal),
      tax: text(again.tax),
      total: text(again.total),
    },
  };
  const ok = canonicalJson(frozen) === canonicalJson(computed);
  return { ok, number, invoiceId, computedAt, differences: ok ? [] : differences(frozen, computed) };
}

type Issued = EventData<'InvoiceIssued'>;

/** The event that issued an invoice, and its number: its place among all that were issued, in the order of the log. */
async function issueOf({ log }: LedgerCore, idOrNumber: string): Promise<{ number: string; issued: Issued }> {
  const skipped = await skippedPositions(log);
  let ordinal = 0;
  for await (const stored of log.readAll(0, { types: ['InvoiceIssued'] })) {
    if (skipped.has(stored.position)) continue;
    const event = codec.decode(stored);
    if (event.type !== 'InvoiceIssued') continue;
    ordinal += 1;
    const number = documentNumber('INV', ordinal);
    if (idOrNumber === number || idOrNumber === event.data.invoiceId) return { number, issued: event.data };
  }
  for await (const stored of log.readAll(0, { types: ['InvoiceDrafted'] })) {
    const event = codec.decode(stored);
    if (event.type === 'InvoiceDrafted' && event.data.invoiceId === idOrNumber)
      throw conflict('invoice_not_issued', `invoice ${idOrNumber} was never issued: only an issued invoice is frozen`);
  }
  throw notFound(
    'unknown_invoice',
    `there is no invoice ${idOrNumber}: name it by its id, or by its number such as INV-000001`,
  );
}

/** What the log has of the invoice: its draft, and the rows of the attempt that issued it, in their order. */
async function frozenOf(
  { log }: LedgerCore,
  { invoiceId, tenantId, currency, attempt }: Issued,
): Promise<{ drafted: EventData<'InvoiceDrafted'>; rows: FrozenRow[] }> {
  let drafted: EventData<'InvoiceDrafted'> | undefined;
  const chunks: { readonly n: number; readonly rows: readonly FrozenRow[] }[] = [];
  for await (const stored of log.read(billingStream(tenantId, currency))) {
    const { type, data } = codec.decode(stored);
    if (type === 'InvoiceDrafted' && data.invoiceId === invoiceId) drafted = data;
    if (type === 'InvoiceRowsFrozen' && data.attempt === attempt) chunks.push(data);
  }
  if (drafted === undefined)
    throw notFound('unknown_invoice', `the log has no InvoiceDrafted of ${invoiceId}: run ledgerline verify`);
  return { drafted, rows: chunks.sort((a, b) => a.n - b.n).flatMap(({ rows }) => rows) };
}

/** Works on a ledger whose log ends at a position and whose read models are a replay of it. */
async function replayed<Result>(
  core: LedgerCore,
  position: number,
  work: (then: LedgerCore) => Promise<Result>,
): Promise<Result> {
  // An interrupted reissue may have left the schema.
  await dropSchema(core, SCRATCH);
  const pool = core.trialPool();
  try {
    const log = new LogUntil(core.log, position);
    const projector = new Projector(log, core.pool, core.projector.list(), SCRATCH);
    await projector.prepare();
    await projector.catchUp();
    await pool.query(`SET search_path TO ${SCRATCH}`);
    const parts = { locks: null, trialPool: core.trialPool, rebuilder: null, tree: null, verify: null, mirror: null };
    return await work(new LedgerCore(log, projector, pool, parts));
  } finally {
    await pool.end();
    await dropSchema(core, SCRATCH);
  }
}

interface Contents {
  readonly rows: readonly FrozenRow[];
  readonly totals: Readonly<Record<string, string>>;
}

function differences(frozen: Contents, computed: Contents): Difference[] {
  const rowsOf = ({ rows }: Contents): Map<string, FrozenRow> => new Map(rows.map((row) => [row.rowId, row]));
  const [was, is] = [rowsOf(frozen), rowsOf(computed)];
  const ids = [...new Set([...was.keys(), ...is.keys()])];
  const ofRows = ids.flatMap((id) => rowDifferences(was.get(id), is.get(id)));
  const order = (rows: Contents['rows']): string[] => rows.map(({ rowId }) => rowId);
  const [orderThen, orderNow] = [order(frozen.rows), order(computed.rows)];
  const isMoved = ofRows.length === 0 && canonicalJson(orderThen) !== canonicalJson(orderNow);
  return [
    ...ofRows,
    ...(isMoved ? [{ row: null, field: 'order', frozen: orderThen, computed: orderNow }] : []),
    ...fields(frozen.totals, computed.totals).map((difference) => ({ row: null, ...difference })),
  ];
}

function rowDifferences(frozen: FrozenRow | undefined, computed: FrozenRow | undefined): Difference[] {
  const either = frozen ?? computed;
  if (either === undefined) return [];
  const { rowId, lineId, billingKind, chargePeriod, ref, kind } = either;
  const row = { rowId, lineId, billingKind, chargePeriod, ref, kind };
  if (frozen === undefined || computed === undefined)
    return [{ row, field: 'row', frozen: frozen ?? null, computed: computed ?? null }];
  return fields(frozen, computed).map((difference) => ({ row, ...difference }));
}

/** The fields that two objects do not have in common, by name. */
function fields(frozen: object, computed: object): Omit<Difference, 'row'>[] {
  const [was, is] = [
    new Map<string, unknown>(Object.entries(frozen)),
    new Map<string, unknown>(Object.entries(computed)),
  ];
  return [...new Set([...was.keys(), ...is.keys()])]
    .sort()
    .filter((field) => canonicalJson(was.get(field)) !== canonicalJson(is.get(field)))
    .map((field) => ({ field, frozen: was.get(field) ?? null, computed: is.get(field) ?? null }));
}
