import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { instant } from '#domain/time/instant';
import { EventCodec } from '#event-store/codec';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

// Everything that is accepted can be projected and read: one other value would halt the read models of all tenants.

const T = (date: string) => instant(`${date}T00:00:00Z`);
const period = { start: T('2026-04-02'), end: T('2026-04-03') };
const key = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };
const reading = {
  resourceId: 'r',
  billingKind: 'cpu',
  provider: 'do',
  sourceId: 's',
  period,
  granularity: 'day',
  quantity: '1',
};
const observation = {
  ...reading,
  rateKey: key,
  attributes: { team: 'a', nested: { deep: ['b'] } },
  subAttribution: { pod: 'p' },
};

/** One of each command that stores what it is given. */
const COMMANDS: readonly object[] = [
  { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD', idempotencyKey: 'k1' },
  { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'D', from: T('2026-04-01') },
  { command: 'assign-deployment', deploymentId: 'd', tenantId: 't', from: T('2026-04-05'), reason: 'moved' },
  {
    command: 'publish-plan',
    planId: 'p',
    name: 'P',
    currency: 'USD',
    baseFee: '1',
    paymentTerm: 'in_advance',
    effectiveFrom: T('2026-01-01'),
    items: [{ billingKind: 'cpu', filter: { team: 'a' }, price: { model: 'unit', unitAmount: '1' } }],
  },
  { command: 'start-subscription', subscriptionId: 's', deploymentId: 'd', planId: 'p', from: T('2026-04-01') },
  { command: 'set-rate', ...key, unitPrice: '2', effectiveFrom: T('2026-01-01') },
  { command: 'correct-rate', ...key, unitPrice: '3', effectiveFrom: T('2026-04-01'), reason: 'wrong' },
  { command: 'configure-metering', billingKind: 'cpu', granularity: 'day', retentionDays: 30, from: T('2026-01-01') },
  { command: 'observe-usage', deploymentId: 'd', observations: [observation], idempotencyKey: 'k2' },
  { command: 'correct-usage', deploymentId: 'd', ...reading, quantity: '2', reason: 'wrong' },
  { command: 'waive-usage', deploymentId: 'd', billingKind: 'cpu', period, reason: 'a test' },
  {
    command: 'observe-resource',
    provider: 'do',
    providerId: '1',
    kind: 'droplet',
    name: 'web',
    status: 'active',
    seenAt: T('2026-04-02'),
    region: 'fra1',
    project: 'x',
    sizeSlug: 's',
    deploymentId: 'd',
    tags: ['a'],
    attrs: { a: 'b' },
  },
  {
    command: 'record-cost',
    provider: 'do',
    invoiceRef: 'april',
    lines: [
      {
        lineKey: '1',
        kind: 'droplet',
        chargePeriod: { start: T('2026-04-01'), end: T('2026-05-01') },
        amount: '3',
        currency: 'USD',
        category: 'usage',
        tenantId: 't',
      },
    ],
  },
  {
    command: 'grant-credit',
    creditId: 'c',
    tenantId: 't',
    currency: 'USD',
    amount: '1.00',
    from: T('2026-04-01'),
    reason: 'sorry',
  },
  { command: 'set-tax', tenantId: 't', name: 'VAT', ratePercent: '19', from: T('2026-04-01') },
];

/** The places of all texts in JSON, those of an object's keys among them where any may be given. */
function placesIn(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value === 'string') return [path];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) =>
    placesIn(each, [...path, Array.isArray(value) ? Number(name) : name]),
  );
}
const PLACES = COMMANDS.flatMap((command) =>
  placesIn(command)
    .filter(([first]) => first !== 'command')
    .map((path) => ({ command, path })),
);

function replaced(value: unknown, [first, ...rest]: readonly (string | number)[], text: unknown): unknown {
  if (first === undefined) return text;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<
    string | number,
    unknown
  >;
  copy[first] = replaced(copy[first], rest, text);
  return copy;
}

/** What no reader expects; of the longest, texts that don't compress. */
const long = (unit: fc.Arbitrary<string>, length: number) =>
  fc.array(unit, { minLength: length, maxLength: length }).map((units) => units.join(''));
const text = fc.oneof(
  fc.constantFrom(
    '\u0000',
    'a\u0000b',
    '\ud800',
    'x\udfff',
    '\ud83d',
    '\\u0000',
    '\\\\ud800',
    "';--",
    '\ufeff',
    '\u202e',
    ' ',
    '%00',
    '{"a":"\\u0000"}',
    '$x',
    '__proto__',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
  long(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }), 512),
  long(
    fc.integer({ min: 0x4e00, max: 0x9fff }).map((code) => String.fromCodePoint(code)),
    170,
  ),
  long(
    fc.integer({ min: 0x4e00, max: 0x9fff }).map((code) => String.fromCodePoint(code)),
    512,
  ),
);

let test: TestLedger;
beforeAll(async () => {
  test = await testLedger();
  await test.apply(...COMMANDS);
});
afterAll(async () => test.close());

describe('accepted input', () => {
  it('can be projected with any text in it, and is recognised if it is repeated', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...PLACES), text, async ({ command, path }, value) => {
        const changed = replaced(command, path, value) as object;
        const carriedOut = async () => {
          const outcome = await test.ledger.execute(changed, ADMIN);
          return outcome.status;
        };
        const first = await carriedOut();
        await test.ledger.catchUp();
        const again = await carriedOut();
        expect({ changed, again }).toEqual({ changed, again: first === 'refused' ? 'refused' : 'unchanged' });
      }),
      { numRuns: 600, seed: 7 },
    );
  });

  it('with the longest ids is also projected', async () => {
    // 512 letters that don't compress: hashes in base64.
    const random = (seed: number): string =>
      Array.from({ length: 12 }, (_, n) => createHash('sha256').update(`${seed} ${n}`).digest('base64'))
        .join('')
        .slice(0, 512);
    const [deploymentId, resourceId, billingKind, provider, sourceId] = [1, 2, 3, 4, 5].map(random);
    await test.apply(
      { command: 'register-deployment', deploymentId, tenantId: 't', name: 'D', from: T('2026-04-01') },
      {
        command: 'observe-usage',
        deploymentId,
        observations: [
          {
            ...observation,
            resourceId,
            billingKind,
            provider,
            sourceId,
            rateKey: { resourceType: random(6), resourceFamily: random(7), location: random(8) },
          },
        ],
      },
    );
    expect(await test.ask('usage', { deploymentId })).toEqual({ [billingKind ?? '']: '1' });
  });

  it.each([
    ['attributes', { a: { b: ['\u0000'] } }, 'observations[0].attributes.a.b[0]'],
    ['attributes', { '\ud800': 'a' }, 'observations[0].attributes'],
    ['subAttribution', { pod: 'x\udc00' }, 'observations[0].subAttribution.pod'],
    ['resourceId', 'r\ud800', 'observations[0].resourceId'],
    [
      'attributes',
      JSON.parse(`${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`) as object,
      `observations[0].attributes${'.a'.repeat(61)}`,
    ],
  ])('is not %s that can’t be kept: %#', async (field, value, place) => {
    const outcome = await test.ledger.execute(
      {
        command: 'observe-usage',
        deploymentId: 'd',
        observations: [{ ...observation, resourceId: 'other', [field]: value }],
      },
      ADMIN,
    );
    expect(outcome).toMatchObject({ status: 'refused', error: { code: 'invalid_input', errors: [{ field: place }] } });
  });

  it('is read if it was recorded before the limit existed', () => {
    const codec = new EventCodec();
    const at = {
      id: '00000000-0000-4000-8000-000000000001',
      stream: 's',
      revision: 0,
      position: 1,
      recordedAt: T('2026-04-02'),
      metadata: '{"actor":"a"}',
    };
    // 200 letters of three bytes each.
    const resource = '\u4e00'.repeat(200);
    const data = {
      deploymentId: 'd',
      month: '2026-04',
      origin: 'command',
      observations: [{ ...reading, resourceId: resource }],
    };
    expect(codec.decode({ ...at, type: 'UsageObserved', data: JSON.stringify(data) }).data).toMatchObject({
      observations: [{ resourceId: resource }],
    });
    expect(() => codec.encode('', { type: 'UsageObserved', data: data as never }, { actor: 'a' })).toThrow(
      'is longer than 512 bytes',
    );
  });

  it('is refused by the codec if it arrives in another way', () => {
    const codec = new EventCodec();
    const encoded = (text: string, actor = 'a') => {
      const { rateKey: _, ...kept } = { ...observation, granularity: 'day' as const, attributes: { text } };
      return codec.encode(
        '',
        {
          type: 'UsageObserved',
          data: { deploymentId: 'd', month: '2026-04', origin: 'command', observations: [kept] },
        },
        { actor },
      );
    };
    for (const text of ['\u0000', '\ud800', '\\\u0000'])
      expect(() => encoded(text)).toThrow('half a surrogate pair in data');
    expect(() => encoded('a', '\ud800')).toThrow('half a surrogate pair in metadata');
    // With a backslash of its own it is six letters like any others; and a whole pair is a letter.
    for (const text of ['\\u0000', '😀'])
      expect(JSON.parse(encoded(text).data)).toMatchObject({ observations: [{ attributes: { text } }] });
  });
});
