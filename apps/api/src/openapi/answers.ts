import { z } from 'zod';
import { zDeployment, zResource, zSubscription, zTenant } from './answers/accounts.js';
import { zChecked, zEvent, zProjections } from './answers/audit.js';
import { zPlan, zQuote, zRate } from './answers/catalog.js';
import { listOf } from './answers/common.js';
import { zAccrual, zMargin } from './answers/dashboard.js';
import { zDifferences } from './answers/differences.js';
import { zExplained } from './answers/explained.js';
import {
  zCredit,
  zCreditNote,
  zCreditNoteWithRows,
  zInvoice,
  zInvoicePreview,
  zLine,
  zLineWithParts,
} from './answers/invoices.js';
import { zMeteredDay, zUnbilled, zUsage, zUsageRecords } from './answers/usage.js';

/**
 * What each query answers, whole: the OpenAPI document and the GraphQL schema are made of these, and the e2e test holds real
 * answers against them, field by field.
 */
export const ANSWERS: ReadonlyMap<string, z.ZodType> = new Map<string, z.ZodType>([
  ['usage-records', zUsageRecords],
  ['usage', zUsage],
  ['rates', listOf(zRate)],
  ['invoices', listOf(zInvoice)],
  ['invoice', zInvoice],
  ['invoice-preview', zInvoicePreview],
  ['credits', listOf(zCredit)],
  ['credit-notes', listOf(zCreditNote)],
  ['credit-note', zCreditNoteWithRows],
  ['invoice-document', z.string().describe('One file: no script, no resource from elsewhere; it prints on A4')],
  ['credit-note-document', z.string().describe('One file: no script, no resource from elsewhere; it prints on A4')],
  ['unbilled', listOf(zUnbilled)],
  ['metered-days', listOf(zMeteredDay)],
  ['lines', listOf(zLine)],
  ['line', zLineWithParts],
  ['margin', zMargin],
  ['accrual', zAccrual],
  ['resources', listOf(zResource)],
  ['tenants', listOf(zTenant)],
  ['deployments', listOf(zDeployment)],
  ['subscriptions', listOf(zSubscription)],
  ['plans', listOf(zPlan)],
  ['quote', zQuote],
  ['explain', zExplained],
  ['diff', zDifferences],
  ['events', listOf(zEvent)],
  ['check', zChecked],
  ['projections', zProjections],
]);
