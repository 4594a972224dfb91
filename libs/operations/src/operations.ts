import { type Role, ROLES } from '#ledger/caller';
import { type CommandDefinition, WRITERS } from '#ledger/define-command';
import type { DefinedQuery } from '#ledger/query';
import { accrual } from './accrual.js';
import { check, diff, events, explain } from './audit.js';
import { recordCost } from './costs.js';
import { createCreditNote, creditNote, creditNotes } from './credit-notes.js';
import { credits, grantCoupon, grantCredit, revokeCredit } from './credits.js';
import { assignDeployment, deployments, registerDeployment } from './deployments.js';
import { creditNoteDocument, invoiceDocument } from './documents.js';
import { createInvoice, invoice, invoicePreview, invoices, issueInvoice, payInvoice, voidInvoice } from './invoices.js';
import { line, lines } from './lines.js';
import { margin } from './margin.js';
import { configureMetering, meteredDays, runMetering } from './metering.js';
import { correctPrice, plans, publishPlan } from './plans.js';
import { projections, skipEvent } from './projections.js';
import { quote } from './quotes.js';
import { correctRate, rates, setRate, withdrawRate } from './rates.js';
import { correctResource, observeResource, removeResource, resources, syncResources } from './resources.js';
import { pruneUsage } from './retention.js';
import { cancelSubscription, changePlan, startSubscription, subscriptions } from './subscriptions.js';
import { registerTenant, setGracePeriod, setTax, tenants } from './tenants.js';
import { unbilled, waiveUsage } from './unbilled.js';
import { correctUsage, observeUsage, usage, usageRecords } from './usage.js';

/**
 * All operations of the ledger, by name. REST, GraphQL, the OpenAPI document, the typed client and the CLI are made
 * from these lists.
 */

export const COMMANDS: ReadonlyMap<string, CommandDefinition> = byName([
  registerTenant,
  setTax,
  setGracePeriod,
  registerDeployment,
  assignDeployment,
  startSubscription,
  changePlan,
  cancelSubscription,
  observeResource,
  syncResources,
  removeResource,
  correctResource,
  configureMetering,
  runMetering,
  observeUsage,
  correctUsage,
  waiveUsage,
  pruneUsage,
  setRate,
  correctRate,
  withdrawRate,
  publishPlan,
  correctPrice,
  recordCost,
  createInvoice,
  issueInvoice,
  voidInvoice,
  payInvoice,
  createCreditNote,
  grantCredit,
  grantCoupon,
  revokeCredit,
  skipEvent,
]);

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

/** The roles that may execute at least one command. */
export const COMMAND_ROLES: readonly Role[] = ROLES.filter((role) =>
  [...COMMANDS.values()].some(({ roles = WRITERS }) => roles.includes(role)),
);

function byName<Operation extends { readonly name: string }>(
  operations: readonly Operation[],
): ReadonlyMap<string, Operation> {
  return new Map(operations.map((operation) => [operation.name, operation]));
}
