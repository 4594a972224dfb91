/**
 * One small story, told in commands and then asked about: what the document shows for each command and query, and what the e2e test
 * sends to a fresh ledger, in this order, holding every answer against its schema. Ids that the ledger derives are those of this story.
 */

const APRIL = { start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' };
const MID_APRIL = '2026-04-15T00:00:00Z';
const DAY = { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' };
const KEY = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'fra1' };
const READING = { resourceId: 'gw-1', billingKind: 'gateway', period: DAY, granularity: 'day', quantity: '8' };
const RESOURCE = {
  providerId: 'droplet-1',
  kind: 'droplet',
  name: 'web 1',
  status: 'active',
  tenantId: 'acme',
  deploymentId: 'acme-prod',
};
const UNIT_PRICE = { model: 'unit', unitAmount: '0.50' };
const PLAN = {
  name: 'Standard',
  currency: 'USD',
  baseFee: '10.00',
  paymentTerm: 'in_arrears',
  effectiveFrom: '2026-01-01T00:00:00Z',
  items: [{ billingKind: 'gateway', included: '2', price: UNIT_PRICE }],
};
/** Derived from what they name: acme's invoice in USD as of the middle of April, and as of May. */
const FIRST_INVOICE = 'a9437568-4bb4-5f9b-820d-b9dab82599d0';
const INVOICE = '3f87c308-f857-5ea6-a860-f59bf302cb03';

/** In the order in which each does something. */
export const COMMAND_EXAMPLES: ReadonlyMap<string, object> = new Map<string, object>(
  [
    {
      command: 'register-tenant',
      tenantId: 'acme',
      name: 'Acme',
      currency: 'USD',
      timeZone: 'UTC',
      tax: { name: 'VAT', ratePercent: '10', from: APRIL.start },
    },
    { command: 'set-tax', tenantId: 'acme', name: 'VAT', ratePercent: '20', from: '2026-07-01T00:00:00Z' },
    { command: 'set-grace-period', tenantId: 'acme', hours: 6, from: '2026-07-01T00:00:00Z' },
    {
      command: 'register-deployment',
      deploymentId: 'acme-prod',
      tenantId: 'acme',
      name: 'Production',
      from: APRIL.start,
    },
    { command: 'register-tenant', tenantId: 'globex', name: 'Globex', currency: 'USD' },
    { command: 'register-deployment', deploymentId: 'trial', tenantId: 'acme', name: 'Trial', from: APRIL.start },
    { command: 'assign-deployment', deploymentId: 'trial', tenantId: 'globex', from: APRIL.end },
    { command: 'publish-plan', planId: 'standard', ...PLAN },
    {
      command: 'start-subscription',
      subscriptionId: 'acme-sub',
      deploymentId: 'acme-prod',
      planId: 'standard',
      from: APRIL.start,
    },
    {
      command: 'set-rate',
      ...KEY,
      unitPrice: '0.000171296',
      currency: 'USD',
      unit: 'minute',
      effectiveFrom: '2026-01-01T00:00:00Z',
    },
    {
      command: 'correct-rate',
      ...KEY,
      unitPrice: '0.00017',
      effectiveFrom: APRIL.start,
      effectiveUntil: APRIL.end,
      reason: 'a typo in the price list',
    },
    { command: 'withdraw-rate', ...KEY, from: '2027-01-01T00:00:00Z', reason: 'no longer sold' },
    { command: 'observe-resource', provider: 'digitalocean', ...RESOURCE, seenAt: DAY.start },
    { command: 'sync-resources', provider: 'digitalocean', seenAt: DAY.end, resources: [RESOURCE] },
    {
      command: 'correct-resource',
      provider: 'digitalocean',
      providerId: 'droplet-1',
      from: DAY.start,
      status: 'off',
      reason: 'it was off all along',
    },
    { command: 'configure-metering', billingKind: 'droplet_hours', granularity: 'day', from: APRIL.start },
    { command: 'run-metering', date: '2026-04-02' },
    { command: 'remove-resource', provider: 'digitalocean', providerId: 'droplet-1', at: '2026-04-20T00:00:00Z' },
    {
      command: 'observe-usage',
      deploymentId: 'acme-prod',
      observations: [READING, { ...READING, billingKind: 'zones', quantity: '1' }],
    },
    {
      command: 'correct-usage',
      deploymentId: 'acme-prod',
      resourceId: 'gw-1',
      billingKind: 'gateway',
      period: DAY,
      granularity: 'day',
      quantity: '10',
      reason: 'the meter was reset',
    },
    {
      command: 'record-cost',
      provider: 'digitalocean',
      invoiceRef: '2026-04',
      lines: [
        {
          lineKey: '1',
          resourceId: 'droplet-1',
          kind: 'droplet',
          chargePeriod: APRIL,
          amount: '3.00',
          currency: 'USD',
          category: 'usage',
        },
      ],
    },
    {
      command: 'grant-credit',
      creditId: 'welcome',
      tenantId: 'acme',
      currency: 'USD',
      amount: '1.00',
      from: APRIL.start,
    },
    {
      command: 'grant-coupon',
      creditId: 'spring',
      tenantId: 'acme',
      currency: 'USD',
      percent: '50',
      from: '2026-07-01T00:00:00Z',
    },
    {
      command: 'revoke-credit',
      creditId: 'spring',
      tenantId: 'acme',
      currency: 'USD',
      at: '2026-07-02T00:00:00Z',
      reason: 'granted by mistake',
    },
    { command: 'create-invoice', tenantId: 'acme', asOf: MID_APRIL },
    { command: 'void-invoice', invoiceId: FIRST_INVOICE, at: MID_APRIL, reason: 'too early' },
    { command: 'create-invoice', tenantId: 'acme', asOf: APRIL.end },
    { command: 'issue-invoice', invoiceId: INVOICE, at: APRIL.end },
    { command: 'create-credit-note', invoiceId: INVOICE, at: APRIL.end, amount: '1.00', reason: 'an outage' },
    { command: 'pay-invoice', invoiceId: INVOICE, at: '2026-05-10T00:00:00Z' },
    {
      command: 'correct-price',
      planId: 'standard',
      billingKind: 'gateway',
      price: { model: 'unit', unitAmount: '0.40' },
      effectiveFrom: APRIL.start,
      effectiveUntil: APRIL.end,
      reason: 'as agreed',
    },
    { command: 'prune-usage', month: '2026-04', at: MID_APRIL },
    { command: 'skip-event', position: 4711, reason: 'written by a build that was withdrawn' },
    { command: 'change-plan', subscriptionId: 'acme-sub', planId: 'standard', at: '2026-06-01T00:00:00Z' },
    { command: 'cancel-subscription', subscriptionId: 'acme-sub', at: '2027-01-01T00:00:00Z' },
    {
      command: 'waive-usage',
      deploymentId: 'acme-prod',
      billingKind: 'zones',
      period: { start: '2026-05-01T00:00:00Z', end: '2026-06-01T00:00:00Z' },
      reason: 'a trial',
    },
  ].map((example, index, all) => [
    all.findIndex(({ command }) => command === example.command) === index
      ? example.command
      : `${example.command} ${index}`,
    example,
  ]),
);

export const INGEST_EXAMPLES = {
  observation: {
    deploymentId: 'acme-prod',
    ...READING,
    period: { start: '2026-04-03T00:00:00Z', end: '2026-04-04T00:00:00Z' },
  },
  event: {
    specversion: '1.0',
    id: '00001',
    source: 'gw-1',
    type: 'gateway',
    subject: 'acme-prod',
    time: '2026-04-04T12:00:00Z',
    data: { quantity: '2', route: '/hello' },
  },
};

export const PREVIEW_EXAMPLE = {
  commands: [
    {
      command: 'correct-usage',
      deploymentId: 'acme-prod',
      resourceId: 'gw-1',
      billingKind: 'gateway',
      period: DAY,
      granularity: 'day',
      quantity: '6',
      reason: 'what if',
    },
  ],
  period: '2026-04',
};

export const GRAPHQL_EXAMPLE = {
  query: '{ tenants(limit: 10) { items { tenantId name deployments { deploymentId } } nextCursor } }',
};
