import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { z } from 'zod';
import { creditNoteRows } from '#domain/invoices/credit-note';
import { assertCreditable, assertPayable, assertVoidable, zSelection } from '#domain/invoices/invoice';
import { assertCreditUntaken } from '#domain/invoices/settlement';
import { derivedId } from '#domain/derived-id';
import { zDecimal, zId, zInstant, zText } from '#domain/schema';
import { type CommandCall, type CommandDone, defineCommand, isCall } from '#ledger/command';
import { creditable, creditNoteEvents } from '#billing/invoices/credit-notes';
import { Invoicing } from '#billing/invoices/invoicing';
import { LedgerCore } from '#ledger/ledger-core';

const createInvoice = defineCommand({
  name: 'create-invoice',
  schema: z.strictObject({ tenantId: zId, asOf: zInstant, select: zSelection.optional() }),
  key: 'none',
});
const zOnInvoice = z.strictObject({ invoiceId: zId, at: zInstant, reason: zText.optional() });
const issueInvoice = defineCommand({ name: 'issue-invoice', schema: zOnInvoice, key: ({ invoiceId }) => [invoiceId] });
const voidInvoice = defineCommand({ name: 'void-invoice', schema: zOnInvoice, key: ({ invoiceId }) => [invoiceId] });
const payInvoice = defineCommand({ name: 'pay-invoice', schema: zOnInvoice, key: ({ invoiceId }) => [invoiceId] });

const createCreditNote = defineCommand({
  name: 'create-credit-note',
  schema: z
    .strictObject({
      invoiceId: zId,
      at: zInstant,
      reason: zText.min(1),
      amount: zDecimal.optional(),
      rows: z
        .array(z.strictObject({ rowId: zId, amount: zDecimal }))
        .min(1)
        .optional(),
    })
    .refine(({ amount, rows }) => amount === undefined || rows === undefined, {
      path: ['rows'],
      message: 'can’t be given beside amount: one or the other',
    }),
  key: 'body',
});

export const invoiceCommands = [createInvoice, issueInvoice, voidInvoice, payInvoice, createCreditNote];

export class InvoiceCommand extends Command<CommandDone> {
  constructor(readonly call: CommandCall) {
    super();
  }
}

@CommandHandler(InvoiceCommand)
export class InvoiceHandler implements ICommandHandler<InvoiceCommand> {
  private readonly invoicing: Invoicing;
  constructor(private readonly core: LedgerCore) {
    this.invoicing = new Invoicing(core);
  }

  async execute({ call }: InvoiceCommand): Promise<CommandDone> {
    if (isCall(call, createInvoice))
      return this.invoicing.create(call, call.fields.tenantId, call.fields.asOf, call.fields.select ?? null);
    if (isCall(call, issueInvoice)) return this.invoicing.issue(call, call.fields.invoiceId, call.fields.at);
    if (isCall(call, voidInvoice)) return this.void(call, call.fields);
    if (isCall(call, payInvoice)) return this.pay(call, call.fields);
    if (isCall(call, createCreditNote)) return this.credit(call);
    throw new Error(`${call.name} is not a command of invoices`);
  }

  private async void(call: CommandCall, { invoiceId, at, reason }: z.output<typeof zOnInvoice>): Promise<CommandDone> {
    return this.invoicing.onInvoice(call, invoiceId, async ({ state, invoice, account }) => {
      assertCreditUntaken(account, invoiceId);
      assertVoidable(state, invoiceId, await this.correctedBy(invoiceId));
      return {
        events: [
          { type: 'InvoiceVoided', data: { invoiceId, ...invoice, at, ...(reason === undefined ? {} : { reason }) } },
        ],
      };
    });
  }

  private async pay(call: CommandCall, { invoiceId, at }: z.output<typeof zOnInvoice>): Promise<CommandDone> {
    return this.invoicing.onInvoice(call, invoiceId, async ({ state, invoice }) => {
      assertPayable(state, invoiceId);
      return { events: [{ type: 'InvoicePaid', data: { invoiceId, ...invoice, at } }] };
    });
  }

  /** The same body again is the same credit note; a second one on purpose has an idempotency key of its own. */
  private async credit(call: CommandCall<z.output<typeof createCreditNote.schema>>): Promise<CommandDone> {
    const { invoiceId, at, reason, ...request } = call.fields;
    const creditNoteId = derivedId('credit-note', call.key);
    return this.invoicing.onInvoice(call, invoiceId, async ({ state, invoice }) => {
      assertCreditable(state, invoiceId);
      const found = await creditable(this.core, await this.core.projector.catchUp(), invoiceId, invoice.currency);
      const rows = creditNoteRows(creditNoteId, found, request, reason);
      return {
        events: creditNoteEvents({ creditNoteId, invoiceId, ...invoice, issuedAt: at, reason }, rows),
        result: { invoiceId, creditNoteId },
      };
    });
  }

  /** Issued invoices that correct rows of this one. */
  private async correctedBy(invoiceId: string): Promise<string[]> {
    const position = await this.core.projector.catchUp();
    const { rows } = await this.core.pool.query<{ invoice_id: string }>(
      `SELECT DISTINCT i.invoice_id FROM invoice_rows mine JOIN invoices own ON own.invoice_id = mine.invoice_id AND own.rows_attempt = mine.attempt
       JOIN invoice_rows r ON r.part_id = mine.part_id AND r.row -> 'corrects' ? mine.row_id::text
       JOIN invoices i ON i.invoice_id = r.invoice_id AND i.rows_attempt = r.attempt AND i.status IN ('issued', 'paid')
         AND i.position_from <= $2 AND (i.position_to IS NULL OR i.position_to > $2)
       WHERE own.invoice_id = $1 AND own.position_to IS NULL AND i.invoice_id <> $1`,
      [invoiceId, position],
    );
    return rows.map(({ invoice_id }) => invoice_id);
  }
}
