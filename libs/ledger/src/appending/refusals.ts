import { conflict, invalid } from '#domain/errors';
import type { EventType } from '#domain/events';
import { AppendTooLarge, MAX_APPEND_BYTES, StreamDeleted } from '#event-store/port';

/** What to do where an event lists what its command found, not only what the command states. */
const SMALLER: Readonly<Partial<Record<EventType, string>>> = {
  ConsolidatedInvoiceIssued: 'Consolidate fewer invoices at once: name them in invoiceIds.',
  PaymentRecorded: 'Pay fewer invoices at once: name them in invoiceIds, and pay the others with apply-payment.',
  PaymentApplied: 'Pay fewer invoices at once: name them in invoiceIds.',
  PaymentWithdrawn: 'Withdraw first what apply-payment applied of it.',
  TransferRecorded: 'Name fewer invoices in invoiceIds, and record the rest of the amount as another transfer.',
};

/** What no later attempt can change is a refusal of the command. `events`: of the append that the log refused. */
export function refusalOf(error: unknown, events: readonly { readonly type: string }[]): unknown {
  if (error instanceof AppendTooLarge) {
    const remedies: Readonly<Record<string, string | undefined>> = SMALLER;
    const remedy = events.map(({ type }) => remedies[type]).find((each) => each !== undefined);
    return invalid(
      'event_too_large',
      `The command would record ${error.bytes} bytes in one event, and the log takes at most ${MAX_APPEND_BYTES}. ` +
        (remedy ?? 'Shorten its texts and attributes.'),
    );
  }
  if (error instanceof StreamDeleted)
    return conflict(
      'stream_deleted',
      `EventStoreDB permanently deleted the stream ${error.stream}, so nothing more can be recorded in it. Its events` +
        ' still count. An operator must restore the server from a backup that has the stream.',
    );
  return error;
}
