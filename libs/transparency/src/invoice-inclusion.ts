import { notFound } from '#domain/errors';
import { EventCodec, ofType } from '#event-store/codec';
import type { PostgresLog } from '#event-store/postgres';
import { failure, type Failure } from './failure.js';
import type { Mark } from './marks.js';
import { includes } from './proofs.js';
import { inclusionProof, rootOf, type Tiles } from './tree.js';

/** An event that names an invoice: from its draft to its end, including the cuts of its lines. */
export interface NamingEvent {
  readonly position: number;
  readonly type: string;
  readonly hash: Buffer;
}

export interface InvoiceIncluded {
  readonly invoiceId: string;
  readonly number: string;
  readonly events: readonly {
    readonly position: number;
    readonly type: string;
    /**
     * What an RFC 6962 proof shows it to be included in: the largest signed checkpoint that covers it, or else the
     * current log.
     */
    readonly includedIn: string | null;
  }[];
}

const codec = new EventCodec();
const NUMBER = /^INV-(\d{6,9})$/;

/**
 * The id of an issued invoice, given its id or its number. The number is its place among the issued invoices. Errors:
 * `unknown_invoice`.
 */
export async function invoiceNamed(
  log: PostgresLog,
  named: string,
): Promise<Pick<InvoiceIncluded, 'invoiceId' | 'number'>> {
  const wanted = NUMBER.exec(named)?.[1];
  let ordinal = 0;
  for await (const stored of log.readAll(0, { types: ['InvoiceIssued'] })) {
    ordinal += 1;
    const { invoiceId } = ofType(codec.decodeAsWritten(stored), 'InvoiceIssued').data;
    if (wanted === undefined ? invoiceId === named : ordinal === Number(wanted))
      return { invoiceId, number: `INV-${String(ordinal).padStart(6, '0')}` };
  }
  throw notFound(
    'unknown_invoice',
    `there is no issued invoice ${named}. Give its id, or its number such as INV-000001`,
  );
}

/**
 * What each event is included in. An event that is in nothing is a failure. `agreed`: the checkpoints that the events
 * of the log confirm.
 */
export async function inclusionOf(
  invoice: Pick<InvoiceIncluded, 'invoiceId' | 'number'>,
  naming: readonly NamingEvent[],
  { tiles, size, agreed }: { readonly tiles: Tiles; readonly size: number; readonly agreed: readonly Mark[] },
): Promise<{ included: InvoiceIncluded; failures: Failure[] }> {
  const events: InvoiceIncluded['events'][number][] = [];
  const failures: Failure[] = [];
  for (const { position, type, hash } of naming) {
    const signed = agreed.filter((mark) => mark.invoiceId === undefined && mark.size >= position).at(-1);
    const tree = signed ?? { size, root: await rootOf(tiles, size) };
    const index = position - 1;
    const isIncluded = includes(tree, { index, hash }, await inclusionProof(tiles, index, tree.size));
    events.push({ position, type, includedIn: isIncluded ? (signed?.said ?? `the log of ${size} events`) : null });
    if (!isIncluded)
      failures.push(
        failure(
          'event_not_included',
          position,
          `the ${type} at position ${position} of ${invoice.number} is not in ${signed?.said ?? 'the log'}`,
          'Restore the log from a copy that matches the checkpoint.',
        ),
      );
  }
  return { included: { ...invoice, events }, failures };
}
