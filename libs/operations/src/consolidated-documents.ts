import { z } from 'zod';
import { decimal } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zId } from '#domain/schema';
import { ofType } from '#event-store/codec';
import { consolidatedView, withItsInvoices } from '#billing/invoices/consolidated';
import {
  consolidatedDocument as consolidatedHtml,
  type TenantSection,
} from '#exchange/documents/consolidated-document';
import { defineQuery, type QueryContext, READERS, zAsOf } from '#ledger/query';
import { readConsolidatedPosition } from '#projections/consolidated-invoices/consolidated-invoices.read';
import type { ConsolidatedInvoiceRow } from '#projections/consolidated-invoices/consolidated-invoices.table';
import { readCredits } from '#projections/credits/credits.read';
import { readDeployments } from '#projections/deployments/deployments.read';
import { readTenants } from '#projections/tenants/tenants.read';
import { zHtml } from './answers.js';
import { visibleConsolidated } from './consolidated-invoices.js';
import type { Operations } from './declared.js';
import { eventAt, grantsIn, shownAsOf } from './documents.js';

export const consolidatedInvoiceDocument = defineQuery({
  name: 'consolidated-invoice-document',
  summary: 'One consolidated invoice, by id or number, as an HTML page, to print or to send',
  path: 'consolidated-invoices/:id/document',
  params: zAsOf.extend({
    id: zId,
    withoutZeroLines: z.enum(['true', 'false']).optional().describe('true: without lines whose amounts are all 0'),
  }),
  roles: READERS,
  media: 'text/html',
  answer: zHtml,
  example: { id: 'CI-000001' },
  async handle({ id, withoutZeroLines, ...asOf }, context) {
    const row = await visibleConsolidated(context, id);
    const { issued, issuePosition: _, payerDetails, ...shown } = await consolidatedParts(context, row);
    const seller = await context.core.keptSeller.of(issued);
    return consolidatedHtml({
      ...shown,
      ...{ seller: seller.text, payer: payerDetails, shownAsOf: shownAsOf(asOf, context.position) },
      withoutZeroLines: withoutZeroLines === 'true',
    });
  },
});

/** What credit and payments paid of the invoices of a consolidated invoice at the position of the context. */
export async function paidAt(context: QueryContext, row: ConsolidatedInvoiceRow): Promise<string> {
  const { creditTaken, amountPaid, currency } = await consolidatedView(context, row);
  return moneyText(decimal(creditTaken).plus(decimal(amountPaid)), currency);
}

/** A consolidated invoice with its invoices, and the parties as they were when it was issued. */
export async function consolidatedParts(context: QueryContext, row: ConsolidatedInvoiceRow) {
  const { core, position } = context;
  const id = row.consolidated_invoice_id;
  const at = await readConsolidatedPosition(core.db, id);
  if (at === undefined) throw new Error(`consolidated invoice ${id} was not issued`);
  const issued = ofType(await eventAt(context, at), 'ConsolidatedInvoiceIssued').data;
  const { consolidated, invoices } = await withItsInvoices(context, row);
  const tenantIds = consolidated.tenants.map(({ tenantId }) => tenantId);
  const tenants = new Map(
    (await readTenants(core.db, at, [...tenantIds, row.payer_id])).map((tenant) => [tenant.tenant_id, tenant]),
  );
  const refs = [...tenants.values()].map(({ details_ref: ref }) => ref);
  const details = await core.details.read([issued.detailsRef, ...refs]);
  const deploymentIds = invoices.flatMap(({ lines }) => lines.flatMap(({ deploymentId }) => deploymentId ?? []));
  const deployments = await readDeployments(core.db, at, [...new Set(deploymentIds)]);
  const credits = (await readCredits(core.db, position, tenantIds)).filter(({ currency }) => currency === row.currency);
  return {
    issued,
    issuePosition: at,
    consolidated,
    sections: consolidated.tenants.map(({ tenantId }): TenantSection => {
      const tenant = tenants.get(tenantId);
      return {
        ...{ tenantId, name: details.get(tenant?.details_ref ?? '')?.name ?? null },
        ...{
          timeZone: tenant?.time_zone ?? 'UTC',
          grants: grantsIn(credits.filter((each) => each.tenant_id === tenantId)),
        },
        invoices: invoices.filter((invoice) => invoice.tenantId === tenantId),
      };
    }),
    payerDetails: details.get(issued.detailsRef) ?? null,
    timeZone: tenants.get(row.payer_id)?.time_zone ?? 'UTC',
    deploymentNames: new Map(deployments.map(({ deployment_id, name }) => [deployment_id, name])),
  };
}

export const consolidatedDocumentOperations: Operations = { queries: [consolidatedInvoiceDocument] };
