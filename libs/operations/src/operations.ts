import { type Role, ROLES } from '#ledger/caller';
import { type CommandDefinition, WRITERS } from '#ledger/define-command';
import type { DefinedQuery } from '#ledger/query';
import { accrualOperations } from './accrual.js';
import { auditOperations } from './audit.js';
import { bookOperations } from './books.js';
import { budgetOperations } from './budgets.js';
import { commitmentOperations } from './commitments.js';
import { overrideOperations } from './overrides.js';
import { consolidatedDocumentOperations } from './consolidated-documents.js';
import { consolidatedInvoiceOperations } from './consolidated-invoices.js';
import { costOperations } from './costs.js';
import { costRateOperations } from './cost-rates.js';
import { costSharingOperations } from './cost-sharing.js';
import { creditNoteOperations } from './credit-notes.js';
import { creditOperations } from './credits.js';
import type { Operations } from './declared.js';
import { deploymentOperations } from './deployments.js';
import { documentOperations } from './documents.js';
import { eInvoiceOperations } from './e-invoices.js';
import { evidenceOperations } from './evidence.js';
import { invoiceOperations } from './invoices.js';
import { kindMappingOperations } from './kind-mappings.js';
import { lineOperations } from './lines.js';
import { marginBridgeOperations } from './margin-bridge.js';
import { marginAlertOperations } from './margin-alerts.js';
import { marginOperations } from './margin.js';
import { marginUnitsOperations } from './margin-units.js';
import { meteringOperations } from './metering.js';
import { owedOperations } from './owed.js';
import { payerOperations } from './payers.js';
import { paymentOperations } from './payments.js';
import { planOperations } from './plans.js';
import { providerTotalOperations } from './provider-totals.js';
import { priceRealisationOperations } from './price-realisation.js';
import { projectionOperations } from './projections.js';
import { decisionsOn, proposalOperations } from './proposals.js';
import { quoteOperations } from './quotes.js';
import { rateOperations } from './rates.js';
import { rebuildOperations } from './rebuilds.js';
import { reconciliationOperations } from './reconciliation.js';
import { resourceOperations } from './resources.js';
import { retentionOperations } from './retention.js';
import { statementOperations } from './statement.js';
import { subscriptionOperations } from './subscriptions.js';
import { tenantOperations } from './tenants.js';
import { tokenOperations } from './tokens.js';
import { transferOperations } from './transfers.js';
import { unbilledOperations } from './unbilled.js';
import { usageOperations } from './usage.js';
import { webhookOperations } from './webhooks.js';
import { withdrawOf } from './withdraw.js';

/** The operations of the ledger: each subject file ends with its own list. The documentation keeps this order. */
const SUBJECTS: readonly Operations[] = [
  tenantOperations,
  payerOperations,
  deploymentOperations,
  subscriptionOperations,
  resourceOperations,
  meteringOperations,
  usageOperations,
  unbilledOperations,
  retentionOperations,
  rateOperations,
  planOperations,
  overrideOperations,
  commitmentOperations,
  quoteOperations,
  costOperations,
  providerTotalOperations,
  costSharingOperations,
  kindMappingOperations,
  budgetOperations,
  lineOperations,
  invoiceOperations,
  creditNoteOperations,
  consolidatedInvoiceOperations,
  paymentOperations,
  transferOperations,
  bookOperations,
  statementOperations,
  documentOperations,
  consolidatedDocumentOperations,
  eInvoiceOperations,
  creditOperations,
  marginOperations,
  marginBridgeOperations,
  marginAlertOperations,
  costRateOperations,
  marginUnitsOperations,
  priceRealisationOperations,
  reconciliationOperations,
  accrualOperations,
  owedOperations,
  auditOperations,
  evidenceOperations,
  projectionOperations,
  rebuildOperations,
  tokenOperations,
  proposalOperations,
  webhookOperations,
];

const STATING = SUBJECTS.flatMap(({ commands = [] }) => commands);
const STATING_AND_WITHDRAWING = [...STATING, withdrawOf(STATING)];

export const COMMANDS: ReadonlyMap<string, CommandDefinition> = byName([
  ...STATING_AND_WITHDRAWING,
  ...decisionsOn(STATING_AND_WITHDRAWING),
]);

export const QUERIES: ReadonlyMap<string, DefinedQuery> = byName(SUBJECTS.flatMap(({ queries = [] }) => queries));

/** The roles that may execute at least one command. */
export const COMMAND_ROLES: readonly Role[] = ROLES.filter((role) =>
  [...COMMANDS.values()].some(({ roles = WRITERS }) => roles.includes(role)),
);

function byName<Operation extends { readonly name: string }>(
  operations: readonly Operation[],
): ReadonlyMap<string, Operation> {
  return new Map(operations.map((operation) => [operation.name, operation]));
}
