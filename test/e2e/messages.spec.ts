import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isDomainError } from '#domain/schema';
import { COMMANDS, QUERIES } from '#operations/operations';
import { deployment } from '../support/commands.js';
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

  it.each([...COMMANDS.keys()])('of %s has a message that says what it must be', async (command) => {
    const { fields } = COMMANDS.get(command) ?? {};
    for (const field of [...Object.keys(fields?.shape ?? {}), 'idempotencyKey', 'occurredAt', 'reason', 'nonsense']) {
      for (const value of VALUES) {
        const outcome = await test.ledger.execute({ command, [field]: value }, ADMIN);
        if (outcome.status !== 'refused') throw new Error(`${command} was taken with ${field} alone`);
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
