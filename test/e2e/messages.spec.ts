import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isDomainError } from '#domain/schema';
import { COMMANDS, QUERIES } from '#operations/operations';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

// What a stranger reads who gets a field wrong: what is expected there, in words, and nothing of our tools.

const T = (date: string) => `${date}T00:00:00Z`;

let test: TestLedger;
beforeAll(async () => {
  test = await testLedger();
  await test.apply({ command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' }, deployment('d', 't'));
});
afterAll(async () => test.close());

interface Refusal {
  readonly code: string;
  readonly kind: string;
  readonly message: string;
  readonly errors: readonly { readonly field: string; readonly message: string }[];
}
async function asked(name: string, params: Record<string, unknown>): Promise<Refusal | null> {
  try {
    await test.ask(name, params);
    return null;
  } catch (error) {
    if (!isDomainError(error)) throw error;
    const { code, kind, message, errors } = error;
    return { code, kind, message, errors };
  }
}

/** Zod's own words. */
const RAW = /Invalid|expected \w|received|Too (small|big)|Unrecognized|NaN|undefined|\[object/;
const SENTENCE = /^("[^"]*" )?(is|must|has|contains|does|names|ends) /;

describe('a parameter', () => {
  it.each([...QUERIES.keys()])('of %s has a message that says what it must be', async (name) => {
    const fields = Object.keys(QUERIES.get(name)?.params.shape ?? {});
    for (const field of [...fields, 'nonsense']) {
      for (const value of [
        '',
        'x',
        '-1',
        '1.5',
        '99999999999999999999',
        '2026-13-01',
        '2026-02-30T00:00:00Z',
        'a\u0000b',
        'y'.repeat(600),
      ]) {
        for (const fault of (await asked(name, { [field]: value }))?.errors ?? []) {
          expect([name, field, value, fault.message]).toEqual([name, field, value, expect.stringMatching(SENTENCE)]);
          expect(fault.message).not.toMatch(RAW);
          expect(fault.message.length).toBeLessThan(160);
        }
      }
    }
  });

  it.each<[string, Record<string, unknown>, string, string]>([
    ['tenants', { limit: '0' }, 'limit', 'must be a whole number from 1 to 10000'],
    ['tenants', { limit: 'many' }, 'limit', 'must be a whole number from 1 to 10000'],
    ['events', { after: '-1' }, 'after', 'must be a log position: a whole number such as 1207'],
    ['invoices', { status: 'open' }, 'status', 'must be one of draft, issued, paid, void'],
    [
      'rates',
      { knownAt: 'yesterday' },
      'knownAt',
      'is neither a log position such as "1207" nor an instant such as "2026-04-01T00:00:00Z"',
    ],
    [
      'rates',
      { asOf: 'yesterday' },
      'asOf',
      'is neither a log position such as "1207" nor an instant such as "2026-04-01T00:00:00Z"',
    ],
    ['rates', { asOf: '900' }, 'asOf', 'is beyond the end of the log at position 2'],
    ['margin', { period: '2026' }, 'period', 'is not a month or date such as "2026-04" or "2026-04-15"'],
    ['margin', {}, 'period', 'must be given'],
    ['usage', { deploymentId: 'd', start: T('2026-05-01'), end: T('2026-04-01') }, 'end', 'must be after start'],
    ['usage', { deploymentId: 'd', start: T('2026-05-01'), end: T('2026-05-01') }, 'end', 'must be after start'],
    ['usage-records', { start: T('2026-05-01'), end: T('2026-04-01') }, 'end', 'must be after start'],
    [
      'quote',
      { planId: 'p', usage: {}, period: { start: T('2026-05-01'), end: T('2026-04-01') } },
      'period',
      'must end after it starts',
    ],
  ])('of %s %j names %s: %s', async (name, params, field, message) => {
    expect(await asked(name, params)).toMatchObject({ kind: 'invalid', errors: [{ field, message }] });
  });

  it.each<[string, Record<string, unknown>, string, string]>([
    ['usage', { deploymentId: 'x' }, 'unknown_deployment', 'deployment x is not registered'],
    ['usage-records', { deploymentId: 'x' }, 'unknown_deployment', 'deployment x is not registered'],
    ['deployments', { deploymentId: 'x' }, 'unknown_deployment', 'deployment x is not registered'],
    ['subscriptions', { deploymentId: 'x' }, 'unknown_deployment', 'deployment x is not registered'],
    ['subscriptions', { subscriptionId: 'x' }, 'unknown_subscription', 'there is no subscription x'],
    ['lines', { subscriptionId: 'x' }, 'unknown_subscription', 'there is no subscription x'],
    ['lines', { tenantId: 'x' }, 'unknown_tenant', 'tenant x is not registered'],
    ['invoices', { tenantId: 'x' }, 'unknown_tenant', 'tenant x is not registered'],
    ['tenants', { tenantId: 'x' }, 'unknown_tenant', 'tenant x is not registered'],
    ['deployments', { tenantId: 'x' }, 'unknown_tenant', 'tenant x is not registered'],
    ['subscriptions', { tenantId: 'x' }, 'unknown_tenant', 'tenant x is not registered'],
    ['plans', { planId: 'x' }, 'unknown_plan', 'plan x is not published'],
    // what is registered later was unknown then
  ])('of %s %j that names what there is not: %s', async (name, params, code, message) => {
    expect(await asked(name, params)).toMatchObject({ kind: 'not_found', code, message });
  });

  it('that filters by free text gives an empty list', async () => {
    // A provider's listing may name a deployment or a tenant that nobody registered: that is to be found, too.
    for (const params of [{ deploymentId: 'x' }, { tenantId: 'x' }, { kind: 'x' }])
      expect(await test.ask('resources', params)).toMatchObject({ items: [] });
    expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({});
  });
});

describe('a field', () => {
  const VALUES = [
    undefined,
    null,
    '',
    'x',
    1,
    -1.5,
    true,
    [],
    {},
    [{}],
    '1e3',
    '-1',
    '2026-02-30',
    '2026-04-01T00:00:00',
    'a\u0000b',
    'y'.repeat(3000),
  ];

  /** An id is all that they need. */
  const OF_AN_ID = ['rebuild-projections', 'cancel-rebuild', 'roll-back-projections'];

  it.each([...COMMANDS.keys()])('of %s has a message that says what it must be', async (command) => {
    const { fields } = COMMANDS.get(command) ?? {};
    for (const field of [...Object.keys(fields?.shape ?? {}), 'idempotencyKey', 'occurredAt', 'reason', 'nonsense']) {
      for (const value of VALUES) {
        const outcome = await test.ledger.execute({ command, [field]: value }, ADMIN);
        if (outcome.status !== 'refused') {
          expect([OF_AN_ID.includes(command), command, field]).toEqual([true, command, 'rebuildId']);
          continue;
        }
        for (const fault of outcome.error.errors ?? []) {
          expect([command, field, value, fault.message]).toEqual([
            command,
            field,
            value,
            expect.stringMatching(SENTENCE),
          ]);
          expect(fault.message).not.toMatch(RAW);
          expect(fault.message.length).toBeLessThan(160);
        }
      }
    }
  });

  it.each<[object, string, string]>([
    [
      { command: 'register-tenant', tenantId: 7, name: 'T', currency: 'USD' },
      'tenantId',
      'must be a string, not a number',
    ],
    [
      { command: 'register-tenant', tenantId: [], name: 'T', currency: 'USD' },
      'tenantId',
      'must be a string, not a list',
    ],
    [
      { command: 'register-tenant', tenantId: 'v', name: 'T', currency: 'EURO' },
      'currency',
      'is not an ISO 4217 currency such as "USD"',
    ],
    [{ command: 'register-tenant', name: 'T', currency: 'USD' }, 'tenantId', 'must be given'],
    [{ command: 'create-invoice', tenantId: 't' }, 'asOf', 'must be given'],
    [
      { command: 'create-invoice', tenantId: 't', asOf: 7 },
      'asOf',
      'must be an instant as a string, such as "2026-04-01T00:00:00Z"',
    ],
    [
      { command: 'configure-metering', billingKind: 'dns_zones', granularity: 'week', from: T('2026-04-01') },
      'granularity',
      'must be one of day, hour',
    ],
    [
      {
        command: 'configure-metering',
        billingKind: 'dns_zones',
        granularity: 'day',
        retentionDays: 1.5,
        from: T('2026-04-01'),
      },
      'retentionDays',
      'must be a whole number',
    ],
    [
      {
        command: 'configure-metering',
        billingKind: 'dns_zones',
        granularity: 'day',
        retentionDays: 0,
        from: T('2026-04-01'),
      },
      'retentionDays',
      'must be greater than 0',
    ],
    [{ command: 'observe-usage', deploymentId: 'd', observations: [] }, 'observations', 'must not be empty'],
    [
      {
        command: 'correct-price',
        planId: 'p',
        billingKind: 'x',
        price: { model: 'tiered' },
        effectiveFrom: T('2026-04-01'),
        reason: 'a typo',
      },
      'price.model',
      'must be one of flat, unit, graduated, volume, package, dynamic, percentage, rate_card',
    ],
  ])('%j: %s %s', async (command, field, message) => {
    expect(await test.ledger.execute(command, ADMIN)).toMatchObject({
      status: 'refused',
      error: { code: 'invalid_input', errors: [{ field, message }] },
    });
  });
});

describe('a refusal of a correction', () => {
  const message = async (command: object): Promise<string> => (await test.refused(command)).message;
  const reason = 'as agreed';

  it('says what is done about what can not be corrected', async () => {
    const planned = plan('p', '0', [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '1.00' } }]);
    await test.apply(planned);
    const correct = { command: 'correct-plan', planId: 'p', effectiveFrom: T('2026-01-01'), reason };
    for (const [field, value] of Object.entries({ currency: 'EUR', interval: 'year' }))
      expect(await message({ ...correct, [field]: value })).toBe(
        `correct-plan: ${field} can't be corrected: use withdraw (what: publish-plan), then publish-plan`,
      );
    expect(await message({ ...planned, baseFee: '1', items: [] })).toBe(
      'publish-plan: the same key was recorded with another body: baseFee is "0", not "1", items has another value. ' +
        'Nothing was changed. To correct what is recorded, use correct-plan or correct-price or withdraw.',
    );
    const register = { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' };
    expect(await message({ ...register, name: 'U', email: 'u@example.org' })).toBe(
      'register-tenant: the same key was recorded with another name and email. Nothing was changed. ' +
        'To correct what is recorded, use correct-tenant or correct-tax.',
    );
    expect(await message({ ...register, currency: 'EUR' })).toBe(
      'register-tenant: the same key was recorded with another body: currency is "USD", not "EUR". Nothing was changed. ' +
        "currency can't be corrected: use correct-tenant to add one to its currencies, or register another tenant.",
    );
    expect(await message({ command: 'correct-tenant', tenantId: 't', currency: 'EUR', reason })).toBe(
      "correct-tenant: currency can't be corrected: use correct-tenant to add one to its currencies, " +
        'or register another tenant',
    );
    expect(await test.refused({ command: 'correct-tenant', tenantId: 't', reason })).toMatchObject({
      code: 'nothing_to_correct',
    });
  });

  it('is of whole sentences', async () => {
    await test.apply(subscription('s', 'd', 'p'));
    expect(await message(subscription('s2', 'd', 'p', { from: T('2026-04-02') }))).toBe(
      'deployment d has subscription s from 2026-04-01T00:00:00Z until further notice: ' +
        'cancel it at or before 2026-04-02T00:00:00Z. To correct what is recorded, use correct-subscription or withdraw.',
    );
  });

  it('names a withdrawal in the words of its command', async () => {
    const key = { resourceType: 'a', resourceFamily: 'b', location: 'c' };
    const withdraw = (what: string, more: object) => ({ command: 'withdraw', what, ...more, reason });
    expect(await message(withdraw('set-rate', { ...key, effectiveFrom: T('2026-04-01') }))).toBe(
      'a/b/c: no price was set from 2026-04-01T00:00:00Z',
    );
    expect(await message(withdraw('withdraw-rate', { ...key, from: T('2026-04-01') }))).toBe(
      'a/b/c: no price was withdrawn from 2026-04-01T00:00:00Z',
    );
    expect(await test.refused(withdraw('withdraw', {}))).toMatchObject({
      code: 'not_withdrawable',
      message: "withdraw can't be withdrawn. State the fact again with the command that recorded it.",
    });
  });
});

describe('an invoice', () => {
  it('is named by its number as well as by its id', async () => {
    await test.apply(tenant('u'), deployment('e', 'u'), plan('q', '30.00', []), subscription('u', 'e', 'q'));
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 'u', asOf: T('2026-05-01') });
    const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
    const invoiceId = invoices[0]?.invoiceId;
    await test.apply({ command: 'issue-invoice', invoiceId, at: T('2026-05-01') });
    const [again] = await test.apply({ command: 'issue-invoice', invoiceId: 'INV-000001', at: T('2026-05-01') });
    expect(again?.status).toBe('unchanged');
    await test.apply(
      { command: 'pay-invoice', invoiceId: 'INV-000001', at: T('2026-05-02') },
      { command: 'withdraw', what: 'pay-invoice', invoiceId: 'INV-000001', reason: 'another invoice' },
      { command: 'create-credit-note', invoiceId: 'INV-000001', amount: '1.00', at: T('2026-05-03'), reason: 'x' },
    );
    expect(await test.ask('credit-notes', { invoiceId: 'INV-000001' })).toMatchObject({ items: [{ invoiceId }] });
    const voided = { command: 'void-invoice', at: T('2026-05-04') };
    expect(await test.refused({ ...voided, invoiceId: 'INV-000001' })).toEqual(
      await test.refused({ ...voided, invoiceId }),
    );
    expect(await test.refused({ ...voided, invoiceId: 'INV-000009' })).toMatchObject({
      code: 'unknown_invoice',
      message: 'there is no invoice INV-000009',
    });
  });
});

describe('a revoked credit', () => {
  it('is listed with the reason of its revocation', async () => {
    const of = { tenantId: 't', currency: 'USD', creditId: 'c' };
    await test.apply(
      { command: 'grant-credit', ...of, amount: '10.00', from: T('2026-04-01'), reason: 'welcome' },
      { command: 'revoke-credit', ...of, at: T('2026-05-01'), reason: 'a mix-up' },
    );
    expect(await test.ask('credits', { tenantId: 't' })).toMatchObject({
      items: [{ reason: 'welcome', revocationReason: 'a mix-up' }],
    });
    await test.apply({ command: 'withdraw', what: 'revoke-credit', ...of, reason: 'it stays' });
    expect(await test.ask('credits', { tenantId: 't' })).toMatchObject({
      items: [{ reason: 'welcome', revocationReason: null }],
    });
  });
});
