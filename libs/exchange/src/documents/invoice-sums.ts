import { type Decimal, decimal, sum, ZERO } from '#domain/money/decimal';
import type { InvoiceView } from '#billing/invoices/invoice-view';
import { assertAddsUp } from './adds-up.js';

/** The sums of an invoice's figures, as they are shown, must agree. Errors: `DoesNotAddUp`. */
export function assertFiguresAddUp({ lines, taxes, subtotal, tax, total }: InvoiceView, title: string): void {
  for (const { billingKind, rows, net, tax: lineTax } of lines) {
    for (const row of rows) {
      assertAddsUp(
        title,
        `gross, discount and credit of row ${row.rowId}`,
        [row.gross, `-${row.discount}`, `-${row.credit}`].map(plain),
        row.net,
      );
      assertAddsUp(
        title,
        `coupons and credits of row ${row.rowId}`,
        (row.credits ?? []).map(({ amount }) => amount),
        row.credit,
      );
    }
    assertAddsUp(
      title,
      `the rows of ${billingKind}`,
      rows.map((row) => row.net),
      net,
    );
    assertAddsUp(
      title,
      `the taxes of the rows of ${billingKind}`,
      rows.map((row) => row.tax),
      lineTax,
    );
  }
  assertAddsUp(
    title,
    'the lines',
    lines.map(({ net }) => net),
    subtotal,
  );
  assertAddsUp(
    title,
    'the taxes of the lines',
    lines.map((line) => line.tax),
    tax,
  );
  assertAddsUp(
    title,
    'the taxable amounts of each rate',
    taxes.map(({ net }) => net),
    subtotal,
  );
  assertAddsUp(
    title,
    'the taxes at each rate',
    taxes.map((each) => each.tax),
    tax,
  );
  assertAddsUp(title, 'subtotal and tax', [subtotal, tax], total);
}

/**
 * The amount due is the total minus credit taken and credit notes. What a credit note gives back after payment
 * becomes credit of the tenant and does not lower the amount due.
 */
export function assertSettled(
  { total, creditTaken, amountDue, amountPaid, creditNotes, status }: InvoiceView,
  title: string,
): void {
  if (status === 'void') return;
  const due = ofTotal(total).minus(decimal(creditTaken));
  const rest = due.minus(sum(creditNotes.map((note) => decimal(note.total))));
  const least = rest.gt(ZERO) ? rest : ZERO;
  // A payment that was withdrawn since is not shown, but what was given back after it stays credit.
  const mayBeCredit = status === 'paid' || !decimal(amountPaid).eq(ZERO) || creditNotes.length > 0;
  if (mayBeCredit && decimal(amountDue).gte(least) && decimal(amountDue).lte(due)) return;
  assertAddsUp(title, 'total, credit taken and credit notes', [least.toFixed()], amountDue);
}

/** `--1.00` is 1.00. */
const plain = (amount: string): string => amount.replace(/^--/, '');

/** The amount to pay of a total, before any credit. */
export const ofTotal = (total: string): Decimal => (decimal(total).gt(ZERO) ? decimal(total) : ZERO);
