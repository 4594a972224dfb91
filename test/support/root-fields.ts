import type { Role } from '#ledger/caller';
import { NOW, type TestApi } from './api.js';

export const READ: readonly Role[] = ['platform_admin', 'operator', 'auditor', 'tenant'];
export const STAFF: readonly Role[] = ['platform_admin', 'operator', 'auditor'];
const ADMIN: readonly Role[] = ['platform_admin'];

/**
 * Whom each root field is for, an example of asking it, and the same by REST. A field that is not in the table fails a
 * spec.
 */
export function rootFields(
  api: () => TestApi,
): ReadonlyMap<
  string,
  { readonly for: readonly Role[]; readonly given?: () => string; readonly rest: () => string; readonly body?: object }
> {
  const ofInvoice = (of: string) => ({
    given: () => `(id: "${api().invoiceId}")`,
    rest: () => `/${of}/${api().invoiceId}`,
  });
  return new Map([
    [
      'usageRecords',
      {
        for: READ,
        given: () => '(deploymentId: "acme-prod", billingKind: "gateway")',
        rest: () => '/usage-records?deploymentId=acme-prod&billingKind=gateway',
      },
    ],
    ['usage', { for: READ, given: () => '(deploymentId: "acme-prod")', rest: () => '/usage?deploymentId=acme-prod' }],
    ['rates', { for: READ, rest: () => '/rates' }],
    ['invoices', { for: READ, given: () => '(tenantId: "acme")', rest: () => '/invoices?tenantId=acme' }],
    ['invoice', { for: READ, given: () => `(id: "${api().invoiceId}")`, rest: () => `/invoices/${api().invoiceId}` }],
    [
      'invoicePreview',
      {
        for: READ,
        given: () => `(tenantId: "acme", at: "${NOW}")`,
        rest: () => `/invoices/preview?tenantId=acme&at=${NOW}`,
      },
    ],
    ['credits', { for: READ, rest: () => '/credits' }],
    ['consolidatedInvoices', { for: READ, rest: () => '/consolidated-invoices' }],
    [
      'consolidatedInvoice',
      { for: READ, given: () => '(id: "CI-000001")', rest: () => '/consolidated-invoices/CI-000001' },
    ],
    [
      'consolidatedInvoiceDocument',
      { for: READ, given: () => '(id: "CI-000001")', rest: () => '/consolidated-invoices/CI-000001/document' },
    ],
    ['creditNotes', { for: READ, rest: () => '/credit-notes' }],
    [
      'creditNote',
      { for: READ, given: () => `(id: "${api().creditNoteId}")`, rest: () => `/credit-notes/${api().creditNoteId}` },
    ],
    ['books', { for: STAFF, rest: () => '/books' }],
    ['payments', { for: READ, rest: () => '/payments' }],
    ['transfers', { for: READ, rest: () => '/transfers' }],
    [
      'statement',
      {
        for: READ,
        given: () => '(tenantId: "acme", start: "2026-01-01T00:00:00Z", end: "2027-01-01T00:00:00Z")',
        rest: () => '/statement?tenantId=acme&start=2026-01-01T00:00:00Z&end=2027-01-01T00:00:00Z',
      },
    ],
    [
      'statementCsv',
      {
        for: READ,
        given: () => '(tenantId: "acme", start: "2026-01-01T00:00:00Z", end: "2027-01-01T00:00:00Z")',
        rest: () => '/statement/csv?tenantId=acme&start=2026-01-01T00:00:00Z&end=2027-01-01T00:00:00Z',
      },
    ],
    [
      'statementDocument',
      {
        for: READ,
        given: () => '(tenantId: "acme", start: "2026-01-01T00:00:00Z", end: "2027-01-01T00:00:00Z")',
        rest: () => '/statement/document?tenantId=acme&start=2026-01-01T00:00:00Z&end=2027-01-01T00:00:00Z',
      },
    ],
    [
      'invoiceDocument',
      { for: READ, given: () => `(id: "${api().invoiceId}")`, rest: () => `/invoices/${api().invoiceId}/document` },
    ],
    [
      'creditNoteDocument',
      {
        for: READ,
        given: () => `(id: "${api().creditNoteId}")`,
        rest: () => `/credit-notes/${api().creditNoteId}/document`,
      },
    ],
    [
      'invoiceUbl',
      { for: READ, given: () => `(id: "${api().invoiceId}")`, rest: () => `/invoices/${api().invoiceId}/ubl` },
    ],
    [
      'invoiceCii',
      { for: READ, given: () => `(id: "${api().invoiceId}")`, rest: () => `/invoices/${api().invoiceId}/cii` },
    ],
    [
      'creditNoteUbl',
      {
        for: READ,
        given: () => `(id: "${api().creditNoteId}")`,
        rest: () => `/credit-notes/${api().creditNoteId}/ubl`,
      },
    ],
    [
      'creditNoteCii',
      {
        for: READ,
        given: () => `(id: "${api().creditNoteId}")`,
        rest: () => `/credit-notes/${api().creditNoteId}/cii`,
      },
    ],
    ['unbilled', { for: STAFF, rest: () => '/unbilled' }],
    ['meteredDays', { for: STAFF, rest: () => '/metered-days' }],
    ['daysToMeter', { for: STAFF, rest: () => '/days-to-meter' }],
    ['lines', { for: READ, given: () => '(subscriptionId: "acme-sub")', rest: () => '/lines?subscriptionId=acme-sub' }],
    ['line', { for: READ, given: () => `(id: "${api().lineId}")`, rest: () => `/lines/${api().lineId}` }],
    [
      'margin',
      { for: ADMIN, given: () => '(period: "2026-04-15")', rest: () => '/dashboard/margin?period=2026-04-15' },
    ],
    ['costSharing', { for: ADMIN, rest: () => '/cost-sharing' }],
    ['payers', { for: READ, rest: () => '/payers' }],
    ['commitments', { for: READ, rest: () => '/commitments' }],
    ['budgets', { for: READ, rest: () => '/budgets' }],
    ['marginAlerts', { for: ADMIN, rest: () => '/margin-alerts' }],
    ['alerts', { for: ADMIN, rest: () => '/alerts' }],
    ['costRates', { for: ADMIN, rest: () => '/cost-rates' }],
    [
      'costVariance',
      {
        for: ADMIN,
        given: () => '(from: "2026-04", to: "2026-04")',
        rest: () => '/dashboard/margin/variance?from=2026-04&to=2026-04',
      },
    ],
    [
      'costSharingPreview',
      {
        for: ADMIN,
        given: () =>
          '(policyId: "p", costs: { unattributed: true }, method: "even", effectiveFrom: "2026-04-01T00:00:00Z", to: "2026-05")',
        rest: () => '/cost-sharing/preview',
        body: {
          ...{ policyId: 'p', costs: { unattributed: true }, method: 'even' },
          ...{ effectiveFrom: '2026-04-01T00:00:00Z', to: '2026-05' },
        },
      },
    ],
    [
      'marginTrend',
      {
        for: ADMIN,
        given: () => '(from: "2026-03", to: "2026-04")',
        rest: () => '/dashboard/margin/trend?from=2026-03&to=2026-04',
      },
    ],
    [
      'marginUnits',
      {
        for: ADMIN,
        given: () => '(from: "2026-03", to: "2026-04")',
        rest: () => '/dashboard/margin/units?from=2026-03&to=2026-04',
      },
    ],
    [
      'priceRealisation',
      {
        for: ADMIN,
        given: () => '(from: "2026-03", to: "2026-04")',
        rest: () => '/dashboard/margin/realisation?from=2026-03&to=2026-04',
      },
    ],
    ['kindMappings', { for: ADMIN, rest: () => '/kind-mappings' }],
    [
      'kindMappingPreview',
      {
        for: ADMIN,
        given: () =>
          '(provider: "p", kind: "k", billingKinds: ["cpu"], effectiveFrom: "2026-04-01T00:00:00Z", to: "2026-05")',
        rest: () => '/kind-mappings/preview',
        body: {
          ...{ provider: 'p', kind: 'k', billingKinds: ['cpu'] },
          ...{ effectiveFrom: '2026-04-01T00:00:00Z', to: '2026-05' },
        },
      },
    ],
    [
      'marginBridge',
      {
        for: ADMIN,
        given: () => '(from: "2026-03", to: "2026-04")',
        rest: () => '/dashboard/margin/bridge?from=2026-03&to=2026-04',
      },
    ],
    ['proposals', { for: STAFF, rest: () => '/proposals' }],
    ['tokens', { for: ADMIN, rest: () => '/tokens' }],
    [
      'reconciliation',
      { for: ADMIN, given: () => '(period: "2026-04")', rest: () => '/dashboard/reconciliation?period=2026-04' },
    ],
    [
      'reconciliationItems',
      {
        for: ADMIN,
        given: () => '(period: "2026-04", list: "usage_unbilled")',
        rest: () => '/dashboard/reconciliation/items?period=2026-04&list=usage_unbilled',
      },
    ],
    [
      'reconciliationInvoices',
      {
        for: ADMIN,
        given: () => '(period: "2026-04")',
        rest: () => '/dashboard/reconciliation/invoices?period=2026-04',
      },
    ],
    ['providerTotals', { for: ADMIN, rest: () => '/provider-totals' }],
    ['webhooks', { for: ADMIN, rest: () => '/webhooks' }],
    ['webhookSecret', { for: ADMIN, given: () => '(webhookId: "books")', rest: () => '/webhooks/books/secret' }],
    [
      'webhookDeliveries',
      { for: ADMIN, given: () => '(webhookId: "books")', rest: () => '/webhooks/books/deliveries' },
    ],
    ['feed', { for: READ, given: () => '(after: 0)', rest: () => '/events/feed?after=0' }],
    ['accrual', { for: ADMIN, rest: () => '/dashboard/accrual' }],
    ['resources', { for: STAFF, rest: () => '/resources' }],
    ['tenants', { for: READ, rest: () => '/tenants' }],
    ['deployments', { for: READ, rest: () => '/deployments' }],
    ['subscriptions', { for: READ, rest: () => '/subscriptions' }],
    ['plans', { for: READ, rest: () => '/plans' }],
    [
      'quote',
      {
        for: READ,
        given: () => '(planId: "standard", usage: { gateway: "8" })',
        rest: () => '/quotes',
        body: { planId: 'standard', usage: { gateway: '8' } },
      },
    ],
    ['diff', { for: STAFF, given: () => '(from: "1")', rest: () => '/audit/diff?from=1' }],
    ['check', { for: STAFF, rest: () => '/audit/check' }],
    ['marks', { for: STAFF, rest: () => '/audit/marks' }],
    ['checkpoints', { for: STAFF, rest: () => '/audit/checkpoints' }],
    ['verify', { for: STAFF, rest: () => '/audit/verify' }],
    ['bundle', { for: STAFF, ...ofInvoice('audit/bundles') }],
    ['lastCheck', { for: STAFF, rest: () => '/audit/check/last' }],
    ['owed', { for: STAFF, rest: () => '/owed' }],
    ['explain', { for: READ, ...ofInvoice('audit/explain') }],
    ['events', { for: STAFF, given: () => '(limit: 3)', rest: () => '/audit/events?limit=3' }],
    ['projections', { for: STAFF, rest: () => '/projections' }],
    ['rebuilds', { for: ADMIN, rest: () => '/projections/rebuilds' }],
    ['rebuild', { for: ADMIN, given: () => '(rebuildId: "r")', rest: () => '/projections/rebuilds/r' }],
  ]);
}
