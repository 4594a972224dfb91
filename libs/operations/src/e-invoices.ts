import { z } from 'zod';
import { conflict } from '#domain/errors';
import { isPart } from '#domain/invoices/consolidated';
import { documentNumber } from '#domain/invoices/invoice';
import { zId } from '#domain/schema';
import { creditNoteView } from '#billing/invoices/credit-notes';
import { type InvoiceView, invoiceView, isConsolidated } from '#billing/invoices/invoice-view';
import { completedBuyer, completedSeller } from '#exchange/einvoice/completed';
import { firstWritable, type Written } from '#exchange/einvoice/einvoice';
import {
  type Context,
  correctedBy,
  type Issued,
  ofConsolidated,
  ofCreditNote,
  ofInvoice,
} from '#exchange/einvoice/from-documents';
import { type Format, type ProfileName, PROFILES_OF } from '#exchange/einvoice/profiles';
import { defineQuery, type QueryContext, READERS, zAsOf } from '#ledger/query';
import type { ConsolidatedInvoiceRow } from '#projections/consolidated-invoices/consolidated-invoices.table';
import type { CreditNoteRow, InvoiceRow } from '#projections/invoices/invoices.table';
import { readTenants } from '#projections/tenants/tenants.read';
import type { History } from '#read-model/read-models';
import { detailsOf } from './corrected-details.js';
import { consolidatedParts, paidAt } from './consolidated-documents.js';
import { consolidatedSeen } from './consolidated-invoices.js';
import { consolidatedAs } from './consolidated-references.js';
import { visibleCreditNote } from './credit-notes.js';
import type { Operations } from './declared.js';
import { partiesOf } from './documents.js';
import { visibleInvoice } from './invoices.js';
import { CREDIT_NOTE, INVOICE } from './story.js';

const zXml = z.string().describe('One XML document, as EN 16931 says');
const PROFILE = 'The use of EN 16931 whose rules apply. Default: en16931';
const zUbl = zAsOf.extend({ id: zId, profile: z.enum(PROFILES_OF.ubl).optional().describe(PROFILE) });
const zCii = zAsOf.extend({ id: zId, profile: z.enum(PROFILES_OF.cii).optional().describe(PROFILE) });

const shared = { roles: READERS, media: 'application/xml' as const, answer: zXml };

export const invoiceUbl = defineQuery({
  ...shared,
  name: 'invoice-ubl',
  summary: 'One issued or consolidated invoice, by id or number, as an electronic invoice in UBL 2.1',
  path: 'invoices/:id/ubl',
  params: zUbl,
  example: { id: INVOICE },
  handle: async ({ id, profile = 'en16931' }, context) => invoiceXml(context, id, 'ubl', profile),
});

export const invoiceCii = defineQuery({
  ...shared,
  name: 'invoice-cii',
  summary: 'One issued or consolidated invoice, by id or number, as a cross industry invoice (the XML of Factur-X)',
  path: 'invoices/:id/cii',
  params: zCii,
  example: { id: INVOICE },
  handle: async ({ id, profile = 'en16931' }, context) => invoiceXml(context, id, 'cii', profile),
});

export const creditNoteUbl = defineQuery({
  ...shared,
  name: 'credit-note-ubl',
  summary: 'One credit note, by id or number, as an electronic credit note in UBL 2.1',
  path: 'credit-notes/:id/ubl',
  params: zUbl,
  example: { id: CREDIT_NOTE },
  handle: async ({ id, profile = 'en16931' }, context) => creditNoteXml(context, id, 'ubl', profile),
});

export const creditNoteCii = defineQuery({
  ...shared,
  name: 'credit-note-cii',
  summary: 'One credit note, by id or number, as a cross industry invoice (the XML of Factur-X)',
  path: 'credit-notes/:id/cii',
  params: zCii,
  example: { id: CREDIT_NOTE },
  handle: async ({ id, profile = 'en16931' }, context) => creditNoteXml(context, id, 'cii', profile),
});

async function invoiceXml(context: QueryContext, id: string, format: Format, profile: ProfileName): Promise<string> {
  const consolidated = await consolidatedSeen(context, id);
  if (consolidated !== undefined) return consolidatedXml(context, consolidated, { format, profile });
  const row = await visibleInvoice(context, id);
  const invoice = await invoiceView(context, row);
  assertSendable(invoice, await isConsolidated(context, row, invoice));
  const { then, now } = await saidOf(context, row, {
    deploymentIds: invoice.lines.map(({ deploymentId }) => deploymentId),
    numbers: correctedBy([invoice]),
  });
  return firstWritable(ofInvoice(invoice, then), async () => ofInvoice(invoice, await now()), { format, profile });
}

async function consolidatedXml(context: QueryContext, row: ConsolidatedInvoiceRow, written: Written): Promise<string> {
  const { core } = context;
  const { issued, issuePosition, consolidated, sections, payerDetails, ...named } = await consolidatedParts(
    context,
    row,
  );
  if (consolidated.status === 'void')
    throw conflict(
      'invoice_void',
      `consolidated invoice ${consolidated.number} is void. Only issued ones are written.`,
    );
  const { details: seller } = await core.keptSeller.of(issued);
  const then: Context = {
    ...{ ...named, seller, tenant: payerDetails, paidFor: null },
    consolidatedAs: await consolidatedAs(
      context,
      correctedBy(sections.flatMap(({ invoices }) => invoices)),
      row.payer_id,
    ),
  };
  const shown = { ...consolidated, paid: await paidAt({ ...context, position: issuePosition }, row) };
  return firstWritable(
    ofConsolidated(shown, sections, then),
    async () => ofConsolidated(shown, sections, { ...then, ...(await completed(context, row.payer_id, then)) }),
    written,
  );
}

async function creditNoteXml(context: QueryContext, id: string, format: Format, profile: ProfileName): Promise<string> {
  const row = await visibleCreditNote(context, id);
  const note = await creditNoteView(context, row);
  const invoice = await visibleInvoice(context, row.invoice_id);
  const { ordinal, issued_at: issuedAt } = invoice;
  const of = { number: ordinal === null ? null : documentNumber('INV', ordinal), issuedAt };
  const { then, now } = await saidOf(
    context,
    invoice,
    {
      deploymentIds: note.rows.map(({ deploymentId }) => deploymentId),
      numbers: of.number === null ? [] : [of.number],
    },
    row,
  );
  const asNow = async () => ofCreditNote(note, of, await now());
  return firstWritable(ofCreditNote(note, of, then), asNow, { format, profile });
}

/** Errors: `invoice_not_issued`, `invoice_void`, `part_of_consolidated_invoice`: tax is stated once. */
function assertSendable(invoice: InvoiceView, isMember: boolean): asserts invoice is Issued<InvoiceView> {
  const { status, invoiceId, number, issuedAt } = invoice;
  if (status === 'void')
    throw conflict('invoice_void', `invoice ${number ?? invoiceId} is void. Only issued ones are written.`);
  if (number === null || issuedAt === null)
    throw conflict('invoice_not_issued', `invoice ${invoiceId} is a ${status}. Issue it first.`);
  if (isMember)
    throw isPart(number, invoice.consolidatedInvoiceNumber, (of) => `Take the electronic invoice of ${of}.`);
}

/** What an invoice, or a credit note, names: deployments, and the numbers of other invoices. */
interface Named {
  readonly deploymentIds: readonly (string | null)[];
  readonly numbers: readonly string[];
}

interface Said {
  readonly then: Context;
  readonly now: () => Promise<Context>;
}

/** The parties as they were at the issue, and with what they lacked then as it is now. */
async function saidOf(
  context: QueryContext,
  row: InvoiceRow,
  { deploymentIds, numbers }: Named,
  note?: History<CreditNoteRow>,
): Promise<Said> {
  const {
    sellerDetails: seller,
    tenant,
    ...said
  } = await partiesOf(context, row, { payerId: row.payer_id, deploymentIds }, {}, note);
  const addressee = row.payer_id ?? row.tenant_id;
  const named = { ...said, consolidatedAs: await consolidatedAs(context, numbers, addressee) };
  return {
    then: { ...named, seller, tenant },
    async now() {
      return { ...named, ...(await completed(context, addressee, { seller, tenant })) };
    },
  };
}

/** The parties of a document, with what they lacked at its issue as it is now. */
async function completed(
  { core, position }: QueryContext,
  buyerId: string,
  { seller, tenant }: Pick<Context, 'seller' | 'tenant'>,
): Promise<Pick<Context, 'seller' | 'tenant'>> {
  const [known] = await readTenants(core.db, position, [buyerId]);
  const details = known === undefined ? undefined : await detailsOf(core, { detailsRef: known.details_ref });
  return {
    seller: completedSeller(seller, core.keptSeller.configured.details),
    tenant: tenant === null || details === undefined ? tenant : completedBuyer(tenant, details),
  };
}

export const eInvoiceOperations: Operations = {
  queries: [invoiceUbl, invoiceCii, creditNoteUbl, creditNoteCii],
};
