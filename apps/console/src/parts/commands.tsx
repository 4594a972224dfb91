import { Button } from '@mantine/core';
import { decimal, text } from '#domain/money/decimal';
import type { Invoice } from '../../../../clients/typescript/ledgerline.ts';
import { instantText, moneyText } from '../formats.ts';
import { useMoment } from '../moment.ts';
import { type Action, useConfirmation } from './confirmation.tsx';

/** What can be done with an invoice in its status. Each asks before it is recorded. */
function actionsOf({ invoiceId, status, number, total, amountDue, amountPaid, currency, asOf }: Invoice): Action[] {
  const named = number ?? 'the draft';
  const amount = moneyText(total, currency);
  const left = moneyText(text(decimal(amountDue).minus(decimal(amountPaid))), currency);
  const issue: Action = {
    title: 'Issue',
    asks:
      `Issue the draft over ${amount}, dated ${instantText(asOf)} UTC? ` +
      "It gets the next number, and its rows can't be changed any more.",
    needsReason: false,
    // As an invoice run does: a draft is issued at the instant that it bills up to.
    commandOf: () => ({ command: 'issue-invoice', invoiceId, at: asOf }),
  };
  const pay: Action = {
    title: 'Mark as paid',
    asks: `Record that ${left}, which is left to pay of ${named}, was paid?`,
    needsReason: false,
    commandOf: ({ at }) => ({ command: 'pay-invoice', invoiceId, at }),
  };
  const credit: Action = {
    title: 'Credit note',
    asks: `Credit ${named}? A credit note is a document that goes out: it can't be taken back.`,
    needsReason: true,
    amountIn: currency,
    commandOf: ({ at, reason, amount: part }) => ({
      ...{ command: 'create-credit-note', invoiceId, at, reason },
      ...(part === '' ? {} : { amount: part }),
    }),
  };
  const void_: Action = {
    title: 'Void',
    asks: `Void ${named} over ${amount}? What it billed becomes open again. A void invoice stays void.`,
    needsReason: true,
    commandOf: ({ at, reason }) => ({ command: 'void-invoice', invoiceId, at, reason }),
  };
  const byStatus: Readonly<Record<Invoice['status'], readonly Action[]>> = {
    draft: [issue, void_],
    issued: [pay, credit, void_],
    paid: [credit],
    void: [],
  };
  return [...byStatus[status]];
}

export function Commands({ invoice }: { readonly invoice: Invoice }) {
  const { asOf } = useMoment();
  const { ask, confirmation } = useConfirmation();
  // The past is looked at, and not changed.
  if (asOf !== undefined) return null;
  return (
    <>
      {actionsOf(invoice).map((each) => (
        <Button
          key={each.title}
          size="xs"
          variant={each.needsReason ? 'default' : 'filled'}
          onClick={() => {
            ask(each);
          }}
        >
          {each.title}
        </Button>
      ))}
      {confirmation}
    </>
  );
}
