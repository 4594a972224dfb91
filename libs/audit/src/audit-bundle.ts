import { conflict, notFound } from '#domain/errors';
import { billingStream } from '#domain/invoices/invoice';
import { EventCodec, ofType } from '#event-store/codec';
import type { StoredEvent } from '#event-store/port';
import { readCheckpoint, type SignedCheckpoint } from '#transparency/checkpoint';
import { type KeptTree, rootText } from '#transparency/kept-tree';
import { isNamedIn, type Verifier } from '#transparency/note';
import type { Caller } from '#ledger/caller';
import { evidenceOfInvoice } from './explain/evidence.js';
import { type IssuedInvoice, issuedInvoice } from './explain/issued.js';
import type { LedgerCore } from '#ledger/ledger-core';
import { contextFor } from '#ledger/query';

const codec = new EventCodec();
const FORMAT = 'ledgerline-audit-bundle/1';

/**
 * An invoice with all that proves it, so that anyone can check it without this program. Hashes are in base64, of the
 * RFC 6962 tree over the events in global order.
 */
export interface AuditBundle {
  readonly format: typeof FORMAT;
  readonly publicKey: string;
  readonly checkpoint: string;
  /** Checkpoints signed before. The proof of each shows that it is of the same log. */
  readonly earlier: readonly { readonly checkpoint: string; readonly consistency: readonly string[] }[];
  readonly invoice: Pick<IssuedInvoice, 'invoiceId' | 'number'> & {
    /**
     * The tree over the log that the invoice was computed from. null: the invoice was issued before there was a tree.
     */
    readonly tree: { readonly size: number; readonly root: string; readonly consistency: readonly string[] } | null;
  };
  readonly events: readonly BundledEvent[];
}

type BundledEvent = Pick<
  StoredEvent,
  'position' | 'stream' | 'revision' | 'id' | 'type' | 'data' | 'metadata' | 'recordedAt'
> & { readonly inclusion: readonly string[] };

const texts = (hashes: readonly Buffer[]): string[] => hashes.map((hash) => rootText(hash));

/** Errors: `unknown_invoice`, `invoice_not_issued`. */
export async function auditBundle({
  core,
  tree,
  idOrNumber,
  caller,
  signed,
}: {
  readonly core: LedgerCore;
  readonly tree: KeptTree;
  readonly idOrNumber: string;
  readonly caller: Caller;
  readonly signed: {
    readonly now: Pick<SignedCheckpoint, 'size' | 'note'>;
    readonly before: readonly string[];
    readonly verifier: Verifier;
  };
}): Promise<AuditBundle> {
  const { size } = signed.now;
  const context = contextFor(core, await core.projector.catchUp(size), caller);
  const invoice = await issuedInvoice(context, idOrNumber);
  const evidence = await evidenceOfInvoice(context, invoice);
  const events = evidence.filter(({ position }) => position <= size);
  if (evidence.some(({ position, type }) => type === 'InvoiceIssued' && position > size))
    throw conflict(
      'not_in_checkpoint',
      `${invoice.number} is newer than the last signed checkpoint, of ${size} events. Run "ledgerline checkpoint".`,
    );
  const issued = events
    .flatMap((stored) => (stored.type === 'InvoiceIssued' ? [ofType(codec.decode(stored), 'InvoiceIssued')] : []))
    .find(({ data }) => data.invoiceId === invoice.invoiceId);
  if (issued === undefined)
    throw notFound(
      'unknown_invoice',
      `the log has no InvoiceIssued of ${invoice.invoiceId} in` +
        ` ${billingStream(invoice.tenantId, invoice.currency)}: run ledgerline verify`,
    );
  const said = issued.data.tree;
  const bundled: BundledEvent[] = [];
  for (const { position, stream, revision, id, type, data, metadata, recordedAt } of events)
    bundled.push({
      position,
      stream,
      revision,
      id,
      type,
      data,
      metadata,
      recordedAt,
      inclusion: texts(await tree.inclusion(position, size)),
    });
  return {
    format: FORMAT,
    publicKey: signed.verifier.text,
    checkpoint: signed.now.note,
    earlier: await proven(tree, signed.before, signed.verifier, size),
    invoice: {
      invoiceId: invoice.invoiceId,
      number: invoice.number,
      tree: said === undefined ? null : { ...said, consistency: texts(await tree.consistency(said.size, size)) },
    },
    events: bundled,
  };
}

async function proven(
  tree: KeptTree,
  notes: readonly string[],
  verifier: Verifier,
  size: number,
): Promise<AuditBundle['earlier']> {
  const earlier: { checkpoint: string; consistency: string[] }[] = [];
  for (const note of notes) {
    // Notes of another key were signed by someone else.
    if (!isNamedIn(note, verifier)) continue;
    const before = readCheckpoint(note, verifier);
    if (before.size < size)
      earlier.push({ checkpoint: note, consistency: texts(await tree.consistency(before.size, size)) });
  }
  return earlier;
}
