import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { getNamedType, type GraphQLObjectType, isObjectType } from 'graphql';
import pg from 'pg';
import { z } from 'zod';
import { fieldName } from '#api/field-name';
import { RELATION_FIELDS } from '#api/graphql/relations';
import { Audit } from '#audit/audit';
import { evaluateAlerts } from '#billing/alerts/evaluate-alerts';
import { instant } from '#domain/time/instant';
import type { Caller } from '#ledger/caller';
import type { DefinedQuery } from '#ledger/query';
import { LedgerCore } from '#ledger/ledger-core';
import { Ledger } from '#operations/ledger';
import { accrual } from '#operations/accrual';
import { consolidatedInvoiceDocument } from '#operations/consolidated-documents';
import { consolidatedInvoice } from '#operations/consolidated-invoices';
import { creditNote } from '#operations/credit-notes';
import { creditNoteDocument, invoiceDocument } from '#operations/documents';
import { creditNoteCii, creditNoteUbl, invoiceCii, invoiceUbl } from '#operations/e-invoices';
import { invoice, invoicePreview } from '#operations/invoices';
import { line, lines } from '#operations/lines';
import { margin, marginTrend } from '#operations/margin';
import { marginBridge } from '#operations/margin-bridge';
import { marginUnits } from '#operations/margin-units';
import { meteredDays } from '#operations/metering';
import { QUERIES } from '#operations/operations';
import { priceRealisation } from '#operations/price-realisation';
import { projections } from '#operations/projections';
import { quote } from '#operations/quotes';
import { reconciliation } from '#operations/reconciliation';
import { resources } from '#operations/resources';
import { statement, statementDocument, statementTable } from '#operations/statement';
import { usage } from '#operations/usage';
import { feed, webhookDeliveries } from '#operations/webhooks';
import { newSigner } from '#transparency/note';
import { isBehindGrpc } from '../support/log.js';
import { NOW, TestApi } from '../support/api.js';
import { EXEMPT } from '../support/parties.js';
import { propose } from '../support/proposals.js';

/**
 * A list costs the same number of statements whatever its length. How many that are depends on what is on it (a draft
 * is rated, an issued invoice is not; usage is read once for each way of counting), so the first row of each list here
 * is of all the kinds there are.
 */

const TENANTS = 30;
const ADMIN: Caller = { actor: 'specs', role: 'platform_admin', now: NOW };

/** Every statement on every connection of this process, from before the pools are made. */
const statements = jest.spyOn(pg.Client.prototype, 'query');

let api: TestApi;
beforeAll(async () => {
  api = await TestApi.startEmpty();
  await happen(api.app.get(Ledger));
  const zLines = z.object({ items: z.array(z.object({ lineId: z.string() })) });
  lineId = zLines.parse(await api.app.get(Ledger).ask(lines, { at: MAY, limit: 1 }, ADMIN)).items[0]?.lineId ?? '';
  // The roles of tokens, the types of columns and such are looked up once.
  for (const list of LISTS) await api.app.get(Ledger).ask(list, exampleOf(list.name), ADMIN);
});
afterAll(async () => {
  await api.close();
  statements.mockRestore();
});

async function costOf(work: () => Promise<unknown>): Promise<number> {
  const before = statements.mock.calls.length;
  await work();
  return statements.mock.calls.length - before;
}

/** Queries that are paged. The feed reads what marked lines only if something did; deliveries are not in the log. */
const LISTS: readonly DefinedQuery[] = [...QUERIES.values()].filter(
  ({ name, params }) => 'limit' in params.shape && name !== 'feed' && name !== 'webhook-deliveries',
);

const MAY = '2026-05-01T00:00:00Z';
/** The parameters of a list that gives it rows of all kinds, or of one kind. */
const exampleOf = (list: string): Record<string, string> => EXAMPLES[list] ?? {};
const EXAMPLES: Readonly<Record<string, Record<string, string>>> = {
  lines: { billingKind: 'requests', at: MAY },
  budgets: { month: '2026-04', at: MAY },
  'reconciliation-items': { period: '2026-04', list: 'usage_unbilled' },
  'reconciliation-invoices': { period: '2026-04' },
};

const idOf = (n: number): string => `t${String(n).padStart(2, '0')}`;
const april = (day: number) => ({
  start: `2026-04-${String(day).padStart(2, '0')}T00:00:00Z`,
  end: `2026-04-${String(day + 1).padStart(2, '0')}T00:00:00Z`,
});
const reading = (billingKind: string, day: number) => ({
  resourceId: `${billingKind}-${day}`,
  billingKind,
  period: april(day),
  granularity: 'day',
  quantity: '5',
  ...(billingKind === 'vcpu' ? { rateKey: { resourceType: 'vcpu', resourceFamily: 'small', location: 'fra1' } } : {}),
});
/** Of every way of counting. */
const KINDS = ['requests', 'peak', 'vcpu'];

const plan = (planId: string) => ({
  command: 'publish-plan',
  planId,
  name: planId,
  currency: 'USD',
  baseFee: '10.00',
  paymentTerm: 'in_arrears',
  effectiveFrom: '2026-01-01T00:00:00Z',
  items: [
    { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.50' } },
    { billingKind: 'peak', aggregation: 'max', price: { model: 'unit', unitAmount: '1.00' } },
    { billingKind: 'vcpu', price: { model: 'rate_card' } },
  ],
});

function commandsOf(n: number): object[] {
  const tenantId = idOf(n);
  const deploymentId = `${tenantId}-prod`;
  return [
    { command: 'register-tenant', tenantId, name: `Tenant ${n}`, currency: 'USD', eInvoice: EXEMPT },
    { command: 'record-payment', tenantId, currency: 'USD', paymentId: 'p', amount: '1.00', at: NOW, invoiceIds: [] },
    { command: 'record-transfer', payerId: tenantId, currency: 'USD', transferId: 't', amount: '1.00', at: NOW },
    { command: 'register-webhook', webhookId: tenantId, url: 'https://books.example', tenantId },
    {
      ...{ command: 'set-cost-sharing', policyId: tenantId, costs: { kind: `of ${tenantId}` }, method: 'usage' },
      ...{ billingKind: 'requests', effectiveFrom: '2026-01-01T00:00:00Z' },
    },
    {
      ...{ command: 'set-kind-mapping', provider: 'digitalocean', kind: `of ${tenantId}` },
      ...{ billingKinds: ['requests', 'peak'], effectiveFrom: '2026-01-01T00:00:00Z' },
    },
    {
      ...{ command: 'record-cost', provider: 'digitalocean', invoiceRef: tenantId },
      lines: [
        {
          ...{ lineKey: '1', kind: `of ${tenantId}`, resourceId: `droplet-${n}`, chargePeriod: april(2) },
          ...{ amount: '1.00', currency: 'USD', category: 'usage' },
        },
        {
          ...{ lineKey: '2', kind: 'droplet', resourceId: `unsold-${n}`, chargePeriod: april(2) },
          ...{ amount: '1.00', currency: 'USD', category: 'usage' },
        },
      ],
    },
    {
      ...{ command: 'record-provider-total', provider: 'aws', invoiceRef: tenantId, currency: 'USD' },
      ...{ period: '2026-04', total: '1.00', tax: '0.00' },
    },
    {
      ...{ command: 'observe-resource', provider: 'digitalocean', providerId: `unsold-${n}`, kind: 'droplet' },
      ...{ name: `unsold ${n}`, status: 'active', seenAt: april(2).start },
    },
    { command: 'set-tax', tenantId, name: 'VAT', ratePercent: '20', from: '2026-01-01T00:00:00Z' },
    { command: 'set-payer', tenantId, payerId: 'holding', effectiveFrom: april(1).start },
    { command: 'set-budget', tenantId, budgetId: 'monthly', amount: '100.00', effectiveFrom: april(1).start },
    {
      command: 'set-cost-rate',
      billingKind: 'requests',
      region: tenantId,
      unitCost: '0.01',
      effectiveFrom: april(1).start,
    },
    // Of the whole month: nothing was charged for it.
    {
      ...{ command: 'set-margin-alert', alertId: tenantId, when: 'margin_below', percent: '100.1' },
      effectiveFrom: april(1).start,
    },
    { command: 'register-deployment', deploymentId, tenantId, name: 'Production', from: april(1).start },
    plan(`plan-${tenantId}`),
    {
      command: 'set-rate',
      ...{ resourceType: 'vcpu', resourceFamily: n === 0 ? 'small' : `size-${n}`, location: 'fra1' },
      ...{ unitPrice: '0.01', effectiveFrom: '2026-01-01T00:00:00Z' },
    },
    {
      command: 'start-subscription',
      ...{ subscriptionId: `${tenantId}-sub`, deploymentId, planId: `plan-${tenantId}`, from: april(1).start },
    },
    {
      ...{ command: 'set-overrides', subscriptionId: `${tenantId}-sub`, tenantId, baseFee: '9.00' },
      effectiveFrom: april(1).start,
    },
    {
      ...{ command: 'set-commitment', subscriptionId: `${tenantId}-sub`, tenantId, commitmentId: 'c', currency: 'USD' },
      terms: [{ start: april(1).start, end: MAY, amount: '500.00' }],
    },
    {
      command: 'observe-resource',
      ...{ provider: 'digitalocean', providerId: `droplet-${n}`, kind: 'droplet', name: `droplet ${n}` },
      ...{ status: 'active', seenAt: april(2).start, tenantId, deploymentId },
    },
    { command: 'observe-usage', deploymentId, observations: KINDS.map((kind) => reading(kind, 3)) },
    // On no plan: unbilled.
    { command: 'observe-usage', deploymentId, observations: [reading('mails', 3)] },
    {
      command: 'grant-credit',
      ...{ creditId: 'welcome', tenantId, currency: 'USD', amount: '1.00', from: april(1).start },
    },
    {
      command: 'issue-token',
      ...{ tokenId: `token-${tenantId}`, actor: tenantId, role: 'tenant', tenantId, expiresAt: '2036-01-01T00:00:00Z' },
    },
    { command: 'grant-coupon', creditId: 'spring', tenantId, currency: 'USD', percent: '10', from: april(1).start },
  ];
}

const zCreated = z.object({ invoices: z.array(z.object({ invoiceId: z.string() })).length(1) });
let issued = '';
let noted = '';
let lineId = '';

async function happen(ledger: Ledger): Promise<void> {
  const done = async (command: object): Promise<unknown> => {
    const outcome = await ledger.execute(command, ADMIN);
    if (outcome.status === 'refused') throw new Error(`${JSON.stringify(command)}: ${JSON.stringify(outcome.error)}`);
    return outcome.result;
  };
  const tenants = [...Array(TENANTS).keys()];
  await done({ command: 'register-tenant', tenantId: 'holding', name: 'Holding', currency: 'USD', eInvoice: EXEMPT });
  for (const n of tenants) for (const command of commandsOf(n)) await done(command);
  await done({ command: 'run-metering', date: '2026-04-02' });
  for (const n of tenants) await propose(api.app.get(LedgerCore), idOf(n));
  for (const n of tenants) {
    const tenantId = idOf(n);
    const { invoices } = zCreated.parse(await done({ command: 'create-invoice', tenantId, asOf: MAY }));
    const invoiceId = invoices[0]?.invoiceId ?? '';
    await done({ command: 'issue-invoice', invoiceId, at: MAY });
    const note = { command: 'create-credit-note', invoiceId, at: MAY, amount: '0.01', reason: 'a test' };
    const { creditNoteId } = z.object({ creditNoteId: z.string() }).parse(await done(note));
    const collect = { command: 'issue-consolidated-invoice', payerId: 'holding', currency: 'USD', at: MAY };
    const collected = await done({ ...collect, invoiceIds: [invoiceId] });
    // The first is an electronic invoice of its own.
    if (n === 0) await done({ command: 'void-consolidated-invoice', ...(collected as object), at: MAY });
    // Late, so that it corrects every line: on a draft that comes before the issued invoice in the list.
    await done({
      command: 'observe-usage',
      deploymentId: `${tenantId}-prod`,
      observations: KINDS.map((kind) => reading(kind, 5)),
    });
    await done({ command: 'create-invoice', tenantId, asOf: '2026-04-20T00:00:00Z' });
    if (n === 0) [issued, noted] = [invoiceId, creditNoteId];
  }
  await api.app.get(Ledger).catchUp();
  await evaluateAlerts(api.app.get(LedgerCore), { ...ADMIN, now: instant(MAY) }, null);
  for (const n of tenants) {
    // One at a time.
    await done({ command: 'rebuild-projections', rebuildId: idOf(n) });
    await done({ command: 'cancel-rebuild', rebuildId: idOf(n) });
    await api.app.get(Audit).checkpoint(newSigner(`ledgerline/${idOf(n)}`));
  }
}

const zPage = z.object({ items: z.array(z.unknown()) });

/** A page of one costs what a page of all does. */
async function expectSameCost(page: (limit: number) => Promise<unknown>, rows = TENANTS): Promise<void> {
  expect(zPage.parse(await page(1)).items).toHaveLength(1);
  expect(zPage.parse(await page(1000)).items.length).toBeGreaterThanOrEqual(rows);
  const costs = async () => [await costOf(async () => page(1)), await costOf(async () => page(1000))] as const;
  // The API also reads revoked tokens every few seconds. Where that came between, it is counted once more.
  const [first, again] = [await costs(), costs];
  const [one, many] = first[0] === first[1] ? first : await again();
  expect(many).toBe(one);
}

const zGraphQl = z.object({ data: z.record(z.string(), zPage) });
const parametersOf = (list: string, limit: number): string =>
  [...Object.entries(exampleOf(list)).map(([name, value]) => `${name}: "${value}"`), `limit: ${limit}`].join(', ');

/** A page of a list by GraphQL, with what is selected of its items. */
async function graphQlPage(list: string, limit: number, selection: string): Promise<unknown> {
  const query = `{ ${fieldName(list)}(${parametersOf(list, limit)}) { items ${selection} } }`;
  const { body } = await api.post('platform_admin', '/graphql', { query });
  return zGraphQl.parse(body).data[fieldName(list)];
}

const typeOf = (name: string): GraphQLObjectType => {
  const type = api.app.get(GraphQLSchemaHost).schema.getType(name);
  if (!isObjectType(type)) throw new Error(`${name} is no object type`);
  return type;
};
const objectIn = (type: GraphQLObjectType, field: string): GraphQLObjectType | null => {
  const inner = getNamedType(type.getFields()[field]?.type);
  return isObjectType(inner) ? inner : null;
};
/** What a list's items are. */
function itemOf(list: string): GraphQLObjectType {
  const page = objectIn(typeOf('Query'), fieldName(list));
  const item = page === null ? null : objectIn(page, 'items');
  if (item === null) throw new Error(`${list} has no items`);
  return item;
}
const leavesOf = (type: GraphQLObjectType): string[] =>
  Object.keys(type.getFields()).filter((field) => objectIn(type, field) === null);

/** The ways from a type to what it is related to, as selections: each ends with the first relation on it. */
function relationsOf(type: GraphQLObjectType): { path: string; selection: string }[] {
  return Object.keys(type.getFields()).flatMap((field) => {
    const inner = objectIn(type, field);
    if (inner === null) return [];
    if (RELATION_FIELDS.has(field))
      return [{ path: field, selection: `{ ${field} { ${leavesOf(inner).join(' ')} } }` }];
    return relationsOf(inner).map(({ path, selection }) => ({
      path: `${field}.${path}`,
      selection: `{ ${field} ${selection} }`,
    }));
  });
}

describe('a list costs the same number of statements for any length', () => {
  const names = LISTS.map(({ name }) => name);

  it.each(LISTS)('$name by the facade, like the command line', async (list) => {
    const ledger = api.app.get(Ledger);
    await expectSameCost(async (limit) => ledger.ask(list, { ...exampleOf(list.name), limit }, ADMIN));
  });

  it.each(LISTS)('$name by REST', async ({ name, path }) => {
    const asked = new URLSearchParams(exampleOf(name));
    await expectSameCost(
      async (limit) => (await api.get('platform_admin', `/api/v1/${path}?${asked.toString()}&limit=${limit}`)).body,
    );
  });

  it.each(names)('%s by GraphQL', async (name) => {
    await expectSameCost(async (limit) => graphQlPage(name, limit, `{ ${leavesOf(itemOf(name)).join(' ')} }`));
  });

  it.each(names)('%s by GraphQL, with all relations of its items', async (name) => {
    for (const { selection } of relationsOf(itemOf(name)))
      await expectSameCost(async (limit) => graphQlPage(name, limit, selection));
  });

  it('resources as they were at an instant', async () => {
    const ledger = api.app.get(Ledger);
    await expectSameCost(async (limit) => ledger.ask(resources, { at: MAY, limit }, ADMIN));
  });

  it('lines of all kinds, with one of each on a page', async () => {
    const ledger = api.app.get(Ledger);
    const page = async (limit: number) => ledger.ask(lines, { at: MAY, limit }, ADMIN);
    const ofOneSubscription = 2 + 3 * KINDS.length;
    expect(await costOf(async () => page(1000))).toBe(await costOf(async () => page(ofOneSubscription)));
  });
});

/** No more for one document, however many lines it has. */
const ONE: readonly (readonly [query: DefinedQuery, params: () => Record<string, unknown>, most: number])[] = [
  [invoice, () => ({ id: issued }), 22],
  [invoicePreview, () => ({ tenantId: idOf(1), at: MAY }), 27],
  [invoiceDocument, () => ({ id: issued }), 29],
  [consolidatedInvoice, () => ({ id: 'CI-000002' }), 19],
  [consolidatedInvoiceDocument, () => ({ id: 'CI-000002' }), 30],
  [creditNote, () => ({ id: noted }), 15],
  [creditNoteDocument, () => ({ id: noted }), 42],
  [statement, () => ({ tenantId: idOf(0), start: april(1).start, end: NOW }), 10],
  [statementTable, () => ({ tenantId: idOf(0), start: april(1).start, end: NOW }), 10],
  [statementDocument, () => ({ tenantId: idOf(0), start: april(1).start, end: NOW }), 11],
  [invoiceUbl, () => ({ id: issued }), 29],
  [invoiceCii, () => ({ id: issued }), 29],
  [creditNoteUbl, () => ({ id: noted }), 33],
  [creditNoteCii, () => ({ id: noted }), 33],
  [line, () => ({ id: lineId, at: MAY }), 16],
  [usage, () => ({ deploymentId: 't00-prod' }), 5],
  [quote, () => ({ planId: 'plan-t00', usage: { requests: '8' }, tenantId: idOf(0) }), 8],
  // With policies that share cost by usage, idle resources, and estimates: they ask which bills have come.
  [margin, () => ({ period: '2026-04' }), 28],
  // As many months as are allowed.
  // Months with a policy, and those without: each kind in its own way.
  [marginTrend, () => ({ from: '2020-01', to: '2029-12' }), 27],
  [marginBridge, () => ({ from: '2026-03', to: '2026-04' }), 35],
  [reconciliation, () => ({ period: '2026-04' }), 45],
  // With kinds that have several billing kinds, and idle resources.
  [marginUnits, () => ({ from: '2020-01', to: '2029-12' }), 25],
  [priceRealisation, () => ({ from: '2026-01', to: '2026-12' }), 18],
  [accrual, () => ({ at: april(15).start }), 19],
  [feed, () => ({}), 9],
  [webhookDeliveries, () => ({ webhookId: idOf(0) }), 4],
  [meteredDays, () => ({}), 3],
  [projections, () => ({}), 7],
];

describe('one answer costs a bounded number of statements', () => {
  it.each(ONE.map(([query, params, most]) => ({ name: query.name, query, params, most })))(
    '$name: $most at most',
    async ({ query, params, most }) => {
      const ledger = api.app.get(Ledger);
      const cost = await costOf(async () => ledger.ask(query, params(), ADMIN));
      // With EventStoreDB as the log, a query also asks the mirror for its position.
      expect(cost).toBeLessThanOrEqual(most + (isBehindGrpc ? 1 : 0));
    },
  );
});
