import type { DefinedQuery } from '#ledger/query';
import { accrual } from './accrual.js';
import { check, diff, events, explain } from './audit.js';
import { creditNote, creditNotes } from './credit-notes.js';
import { credits } from './credits.js';
import { deployments } from './deployments.js';
import { creditNoteDocument, invoiceDocument } from './documents.js';
import { invoice, invoicePreview, invoices } from './invoices.js';
import { line, lines } from './lines.js';
import { margin } from './margin.js';
import { meteredDays } from './metering.js';
import { plans } from './plans.js';
import { projections } from './projections.js';
import { quote } from './quotes.js';
import { rates } from './rates.js';
import { resources } from './resources.js';
import { subscriptions } from './subscriptions.js';
import { tenants } from './tenants.js';
import { unbilled } from './unbilled.js';
import { usage, usageRecords } from './usage.js';

/** Every query, by name. What the ledger offers is made from this list: REST, GraphQL, their documents, the typed client, the CLI. */
export const QUERIES: ReadonlyMap<string, DefinedQuery> = byName([
  tenants,
  deployments,
  subscriptions,
  resources,
  meteredDays,
  usageRecords,
  usage,
  unbilled,
  rates,
  plans,
  quote,
  lines,
  line,
  invoices,
  invoice,
  invoicePreview,
  invoiceDocument,
  creditNotes,
  creditNote,
  creditNoteDocument,
  credits,
  margin,
  accrual,
  explain,
  events,
  diff,
  check,
  projections,
]);

function byName<Operation extends { readonly name: string }>(
  operations: readonly Operation[],
): ReadonlyMap<string, Operation> {
  return new Map(operations.map((operation) => [operation.name, operation]));
}
