import { consoleFiles } from '#api/console/files';
import { type Role, ROLES } from '#ledger/caller';
import { april, NOW, STORY, type TestApi } from './api.js';
import { READ, STAFF } from './root-fields.js';

const ALL = ROLES;
const ADMIN: readonly Role[] = ['platform_admin'];
export const EVERYONE = 'everyone';

/** The readings of a command, as they are sent. */
const readingsOf = ({ command: _, ...readings }: { command?: string }): object => readings;

type RestRoutes = ReadonlyMap<
  string,
  {
    readonly for: readonly Role[] | typeof EVERYONE;
    readonly query?: string;
    readonly example: () => string;
    readonly body?: unknown;
    readonly mayBeEmpty?: true;
  }
>;

/**
 * Whom each route is for, and an example of asking it. A route that is not in the table fails a spec. `mayBeEmpty`: the
 * example's ledger has nothing for this list.
 */
export const restRoutes = (api: () => TestApi): RestRoutes =>
  new Map([
    [
      'GET /api/v1/usage-records',
      {
        for: READ,
        query: 'usage-records',
        example: () => '/api/v1/usage-records?deploymentId=acme-prod&billingKind=gateway',
      },
    ],
    ['GET /api/v1/usage', { for: READ, query: 'usage', example: () => '/api/v1/usage?deploymentId=acme-prod' }],
    ['GET /api/v1/payers', { for: READ, query: 'payers', example: () => '/api/v1/payers', mayBeEmpty: true }],
    ['GET /api/v1/rates', { for: READ, query: 'rates', example: () => '/api/v1/rates?resourceType=gateway' }],
    ['GET /api/v1/invoices', { for: READ, query: 'invoices', example: () => '/api/v1/invoices?tenantId=acme' }],
    [
      'GET /api/v1/invoices/preview',
      { for: READ, query: 'invoice-preview', example: () => `/api/v1/invoices/preview?tenantId=acme&at=${NOW}` },
    ],
    ['GET /api/v1/invoices/:id', { for: READ, query: 'invoice', example: () => `/api/v1/invoices/${api().invoiceId}` }],
    [
      'GET /api/v1/invoices/:id/document',
      { for: READ, query: 'invoice-document', example: () => `/api/v1/invoices/${api().invoiceId}/document` },
    ],
    [
      'GET /api/v1/invoices/:id/ubl',
      { for: READ, query: 'invoice-ubl', example: () => `/api/v1/invoices/${api().invoiceId}/ubl` },
    ],
    [
      'GET /api/v1/invoices/:id/cii',
      { for: READ, query: 'invoice-cii', example: () => `/api/v1/invoices/${api().invoiceId}/cii` },
    ],
    ['GET /api/v1/credits', { for: READ, query: 'credits', example: () => '/api/v1/credits?tenantId=acme' }],
    [
      'GET /api/v1/consolidated-invoices',
      { for: READ, query: 'consolidated-invoices', example: () => '/api/v1/consolidated-invoices?payerId=acme' },
    ],
    [
      'GET /api/v1/consolidated-invoices/:id',
      { for: READ, query: 'consolidated-invoice', example: () => '/api/v1/consolidated-invoices/CI-000001' },
    ],
    [
      'GET /api/v1/consolidated-invoices/:id/document',
      {
        for: READ,
        query: 'consolidated-invoice-document',
        example: () => '/api/v1/consolidated-invoices/CI-000001/document',
      },
    ],
    [
      'GET /api/v1/credit-notes',
      { for: READ, query: 'credit-notes', example: () => '/api/v1/credit-notes?tenantId=acme' },
    ],
    [
      'GET /api/v1/credit-notes/:id',
      { for: READ, query: 'credit-note', example: () => `/api/v1/credit-notes/${api().creditNoteId}` },
    ],
    [
      'GET /api/v1/credit-notes/:id/document',
      {
        for: READ,
        query: 'credit-note-document',
        example: () => `/api/v1/credit-notes/${api().creditNoteId}/document`,
      },
    ],
    [
      'GET /api/v1/credit-notes/:id/ubl',
      { for: READ, query: 'credit-note-ubl', example: () => `/api/v1/credit-notes/${api().creditNoteId}/ubl` },
    ],
    [
      'GET /api/v1/credit-notes/:id/cii',
      { for: READ, query: 'credit-note-cii', example: () => `/api/v1/credit-notes/${api().creditNoteId}/cii` },
    ],
    ['GET /api/v1/payments', { for: READ, query: 'payments', example: () => '/api/v1/payments', mayBeEmpty: true }],
    ['GET /api/v1/transfers', { for: READ, query: 'transfers', example: () => '/api/v1/transfers', mayBeEmpty: true }],
    [
      'GET /api/v1/statement',
      {
        for: READ,
        query: 'statement',
        example: () => `/api/v1/statement?tenantId=acme&start=${april.start}&end=${april.end}`,
      },
    ],
    [
      'GET /api/v1/statement/csv',
      {
        for: READ,
        query: 'statement-csv',
        example: () => `/api/v1/statement/csv?tenantId=acme&start=${april.start}&end=${april.end}`,
      },
    ],
    [
      'GET /api/v1/statement/document',
      {
        for: READ,
        query: 'statement-document',
        example: () => `/api/v1/statement/document?tenantId=acme&start=${april.start}&end=${april.end}`,
      },
    ],
    ['GET /api/v1/books', { for: STAFF, query: 'books', example: () => '/api/v1/books' }],
    ['GET /api/v1/unbilled', { for: STAFF, query: 'unbilled', example: () => '/api/v1/unbilled' }],
    ['GET /api/v1/days-to-meter', { for: STAFF, query: 'days-to-meter', example: () => '/api/v1/days-to-meter' }],
    ['GET /api/v1/metered-days', { for: STAFF, query: 'metered-days', example: () => '/api/v1/metered-days' }],
    [
      'GET /api/v1/days-to-meter',
      { for: STAFF, query: 'days-to-meter', example: () => '/api/v1/days-to-meter', mayBeEmpty: true },
    ],
    ['GET /api/v1/lines', { for: READ, query: 'lines', example: () => '/api/v1/lines?subscriptionId=acme-sub' }],
    ['GET /api/v1/lines/:id', { for: READ, query: 'line', example: () => `/api/v1/lines/${api().lineId}` }],
    [
      'GET /api/v1/dashboard/margin',
      { for: ADMIN, query: 'margin', example: () => '/api/v1/dashboard/margin?period=2026-04-15' },
    ],
    [
      'GET /api/v1/dashboard/margin/trend',
      {
        for: ADMIN,
        query: 'margin-trend',
        example: () => '/api/v1/dashboard/margin/trend?from=2026-03&to=2026-04&by=tenant',
      },
    ],
    [
      'GET /api/v1/dashboard/margin/units',
      {
        for: ADMIN,
        query: 'margin-units',
        example: () => '/api/v1/dashboard/margin/units?from=2026-03&to=2026-04&by=month',
      },
    ],
    [
      'GET /api/v1/dashboard/margin/realisation',
      {
        for: ADMIN,
        query: 'price-realisation',
        example: () => '/api/v1/dashboard/margin/realisation?from=2026-03&to=2026-04&by=month',
      },
    ],
    [
      'GET /api/v1/kind-mappings',
      { for: ADMIN, query: 'kind-mappings', example: () => '/api/v1/kind-mappings', mayBeEmpty: true },
    ],
    [
      'POST /api/v1/kind-mappings/preview',
      {
        for: ADMIN,
        query: 'kind-mapping-preview',
        example: () => '/api/v1/kind-mappings/preview',
        body: { provider: 'p', kind: 'k', billingKinds: ['cpu'], effectiveFrom: april.start },
      },
    ],
    [
      'GET /api/v1/margin-alerts',
      { for: ADMIN, query: 'margin-alerts', example: () => '/api/v1/margin-alerts', mayBeEmpty: true },
    ],
    ['GET /api/v1/alerts', { for: ADMIN, query: 'alerts', example: () => '/api/v1/alerts', mayBeEmpty: true }],
    [
      'GET /api/v1/cost-rates',
      { for: ADMIN, query: 'cost-rates', example: () => '/api/v1/cost-rates', mayBeEmpty: true },
    ],
    [
      'GET /api/v1/dashboard/margin/variance',
      {
        for: ADMIN,
        query: 'cost-variance',
        example: () => '/api/v1/dashboard/margin/variance?from=2026-04&to=2026-04',
      },
    ],
    [
      'GET /api/v1/commitments',
      { for: READ, query: 'commitments', example: () => '/api/v1/commitments', mayBeEmpty: true },
    ],
    ['GET /api/v1/budgets', { for: READ, query: 'budgets', example: () => '/api/v1/budgets', mayBeEmpty: true }],
    [
      'GET /api/v1/cost-sharing',
      { for: ADMIN, query: 'cost-sharing', example: () => '/api/v1/cost-sharing', mayBeEmpty: true },
    ],
    [
      'POST /api/v1/cost-sharing/preview',
      {
        for: ADMIN,
        query: 'cost-sharing-preview',
        example: () => '/api/v1/cost-sharing/preview',
        body: { policyId: 'p', costs: { unattributed: true }, method: 'even', effectiveFrom: april.start },
      },
    ],
    [
      'GET /api/v1/dashboard/margin/bridge',
      {
        for: ADMIN,
        query: 'margin-bridge',
        example: () => '/api/v1/dashboard/margin/bridge?from=2026-03&to=2026-04',
      },
    ],
    [
      'GET /api/v1/dashboard/reconciliation',
      { for: ADMIN, query: 'reconciliation', example: () => '/api/v1/dashboard/reconciliation?period=2026-04' },
    ],
    [
      'GET /api/v1/dashboard/reconciliation/items',
      {
        for: ADMIN,
        query: 'reconciliation-items',
        example: () => '/api/v1/dashboard/reconciliation/items?period=2026-04&list=usage_unbilled',
      },
    ],
    [
      'GET /api/v1/dashboard/reconciliation/invoices',
      {
        for: ADMIN,
        query: 'reconciliation-invoices',
        example: () => '/api/v1/dashboard/reconciliation/invoices?period=2026-04',
      },
    ],
    [
      'GET /api/v1/provider-totals',
      { for: ADMIN, query: 'provider-totals', example: () => '/api/v1/provider-totals', mayBeEmpty: true },
    ],
    ['GET /api/v1/dashboard/accrual', { for: ADMIN, query: 'accrual', example: () => '/api/v1/dashboard/accrual' }],
    ['GET /api/v1/resources', { for: STAFF, query: 'resources', example: () => '/api/v1/resources' }],
    ['GET /api/v1/tenants', { for: READ, query: 'tenants', example: () => '/api/v1/tenants' }],
    ['GET /api/v1/deployments', { for: READ, query: 'deployments', example: () => '/api/v1/deployments' }],
    ['GET /api/v1/proposals', { for: STAFF, query: 'proposals', example: () => '/api/v1/proposals' }],
    ['GET /api/v1/webhooks', { for: ADMIN, query: 'webhooks', example: () => '/api/v1/webhooks' }],
    [
      'GET /api/v1/webhooks/:webhookId/secret',
      { for: ADMIN, query: 'webhook-secret', example: () => '/api/v1/webhooks/books/secret' },
    ],
    [
      'GET /api/v1/webhooks/:webhookId/deliveries',
      {
        ...{ for: ADMIN, query: 'webhook-deliveries', mayBeEmpty: true },
        example: () => '/api/v1/webhooks/books/deliveries',
      },
    ],
    ['GET /api/v1/events/feed', { for: READ, query: 'feed', example: () => '/api/v1/events/feed?after=0' }],
    ['GET /api/v1/tokens', { for: ADMIN, query: 'tokens', example: () => '/api/v1/tokens' }],
    ['GET /api/v1/plans', { for: READ, query: 'plans', example: () => '/api/v1/plans' }],
    ['GET /api/v1/subscriptions', { for: READ, query: 'subscriptions', example: () => '/api/v1/subscriptions' }],
    [
      'POST /api/v1/quotes',
      {
        for: READ,
        query: 'quote',
        example: () => '/api/v1/quotes',
        body: { planId: 'standard', usage: { gateway: '8' } },
      },
    ],
    ['GET /api/v1/audit/diff', { for: STAFF, query: 'diff', example: () => '/api/v1/audit/diff?from=1' }],
    ['GET /api/v1/audit/check/last', { for: STAFF, query: 'last-check', example: () => '/api/v1/audit/check/last' }],
    ['GET /api/v1/audit/marks', { for: STAFF, query: 'marks', example: () => '/api/v1/audit/marks' }],
    ['GET /api/v1/audit/checkpoints', { for: STAFF, query: 'checkpoints', example: () => '/api/v1/audit/checkpoints' }],
    ['GET /api/v1/audit/verify', { for: STAFF, query: 'verify', example: () => '/api/v1/audit/verify' }],
    [
      'GET /api/v1/audit/bundles/:id',
      { for: STAFF, query: 'bundle', example: () => `/api/v1/audit/bundles/${api().invoiceId}` },
    ],
    ['GET /api/v1/owed', { for: STAFF, query: 'owed', mayBeEmpty: true, example: () => '/api/v1/owed' }],
    [
      'POST /api/v1/tokens',
      {
        for: ADMIN,
        example: () => '/api/v1/tokens',
        body: { role: 'auditor', tokenId: 'table', expiresAt: '2026-07-01T00:00:00Z' },
      },
    ],
    ['GET /api/v1/audit/check', { for: STAFF, query: 'check', example: () => '/api/v1/audit/check' }],
    [
      'GET /api/v1/audit/explain/:id',
      { for: READ, query: 'explain', example: () => `/api/v1/audit/explain/${api().invoiceId}` },
    ],
    ['GET /api/v1/audit/events', { for: STAFF, query: 'events', example: () => '/api/v1/audit/events?limit=2' }],
    ['GET /api/v1/projections', { for: STAFF, query: 'projections', example: () => '/api/v1/projections' }],
    [
      'GET /api/v1/projections/rebuilds',
      { for: ADMIN, query: 'rebuilds', example: () => '/api/v1/projections/rebuilds' },
    ],
    [
      'GET /api/v1/projections/rebuilds/:rebuildId',
      { for: ADMIN, query: 'rebuild', example: () => '/api/v1/projections/rebuilds/asked' },
    ],
    [
      'POST /api/v1/commands',
      { for: ['platform_admin', 'operator', 'ingest'], example: () => '/api/v1/commands', body: STORY[6] },
    ],
    [
      'POST /api/v1/usage',
      {
        for: ['platform_admin', 'operator', 'ingest'],
        example: () => '/api/v1/usage',
        body: readingsOf(STORY[6] ?? {}),
      },
    ],
    [
      'POST /api/v1/preview',
      { for: ['platform_admin', 'operator'], example: () => '/api/v1/preview', body: { commands: [STORY[6]] } },
    ],
    ['POST /graphql', { for: ALL, example: () => '/graphql', body: { query: '{ __typename }' } }],
    ['GET /graphql', { for: ALL, example: () => '/graphql?query={__typename}' }],
    ['GET /api/docs', { for: EVERYONE, example: () => '/api/docs' }],
    ['GET /api/docs-json', { for: EVERYONE, example: () => '/api/docs-json' }],
    ['GET /metrics', { for: EVERYONE, example: () => '/metrics' }],
    ['GET /health/live', { for: EVERYONE, example: () => '/health/live' }],
    ['GET /health/ready', { for: EVERYONE, example: () => '/health/ready' }],
    ['GET /graphiql', { for: EVERYONE, example: () => '/graphiql' }],
    ['GET /', { for: EVERYONE, example: () => '/' }],
    ['GET /console', { for: EVERYONE, example: () => '/console' }],
    ['GET /console/:page', { for: EVERYONE, example: () => '/console/home' }],
    ['GET /console/:page/:id', { for: EVERYONE, example: () => '/console/invoices/INV-000001' }],
    [
      'GET /console/assets/:name',
      { for: EVERYONE, example: () => `/console/assets/${[...consoleFiles().assets.keys()][0]}` },
    ],
  ]);
