export const AT = '2026-05-01T00:00:00Z';
/** What queries need to be asked with, in the ledger of random-history.ts. */
export const PARAMETERS: Readonly<Record<string, Record<string, unknown>>> = {
  usage: { deploymentId: 'd1' },
  margin: { period: '2026-04' },
  'margin-trend': { from: '2026-03', to: '2026-06', by: 'tenant' },
  reconciliation: { period: '2026-04' },
  'reconciliation-items': { period: '2026-04', list: 'cost_without_inventory' },
  'reconciliation-invoices': { period: '2026-04' },
  'margin-bridge': { from: '2026-04', to: '2026-05' },
  'cost-sharing-preview': {
    ...{ policyId: 'p', costs: { unattributed: true }, method: 'even' },
    ...{ effectiveFrom: '2026-04-01T00:00:00Z', to: '2026-06' },
  },
  'margin-units': { from: '2026-03', to: '2026-06', by: 'month' },
  'price-realisation': { from: '2026-03', to: '2026-06', by: 'month' },
  'kind-mapping-preview': {
    ...{ provider: 'p', kind: 'vm', billingKinds: ['requests', 'vm'] },
    ...{ effectiveFrom: '2026-04-01T00:00:00Z', to: '2026-06' },
  },
  'cost-variance': { from: '2026-04', to: '2026-05' },
  accrual: { at: AT },
  statement: { tenantId: 't1', start: '2026-04-01T00:00:00Z', end: '2026-06-01T00:00:00Z' },
  'statement-csv': { tenantId: 't1', start: '2026-04-01T00:00:00Z', end: '2026-06-01T00:00:00Z' },
  'statement-document': { tenantId: 't1', start: '2026-04-01T00:00:00Z', end: '2026-06-01T00:00:00Z' },
  lines: { at: AT },
  'invoice-preview': { tenantId: 't1', at: AT },
  diff: { from: '3' },
  explain: { id: '5' },
};
/** How far projections and rebuilds are now, what was checked and signed: that is not in the log. */
export const NOT_OF_THE_LOG: readonly string[] = [
  'projections',
  'rebuild',
  'last-check',
  'verify',
  'bundle',
  'webhook-deliveries',
  'webhook-secret',
];
