import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decimal, sum, text } from '#domain/money/decimal';
import { type Instant, instant } from '#domain/time/instant';
import { ADMIN, testLedger } from '../../test/support/ledger.js';
import { isAt } from '#read-model/at';
import { asJsonb, readVersionsWithin, type RecordVersion } from './usage-records.read.js';
import { readReadingsSums } from './usage-totals.read.js';

const RUNS = {
  numRuns: Number(process.env['HISTORIES'] ?? '4'),
  seed: Number(process.env['PROPERTY_SEED'] ?? '20261202'),
  endOnFailure: true,
};
const DAYS = 6;
const ALWAYS = { start: instant('2026-01-01T00:00:00Z'), end: instant('2027-01-01T00:00:00Z') };
const KINDS = ['cpu', 'disk'];

/** From the end of March, so that two months have readings. */
const day = (n: number): Instant => instant(new Date(Date.UTC(2026, 2, 29 + n)).toISOString());
const deploymentId = fc.constantFrom('a', 'b');
const billingKind = fc.constantFrom(...KINDS);
const regions = fc.constantFrom<object | null>({ region: 'eu' }, { region: 'us' }, null);
const reading = fc.record({
  deploymentId,
  billingKind,
  resourceId: fc.constantFrom('r', 's'),
  period: fc.nat(DAYS).map((n) => ({ start: day(n), end: day(n + 1) })),
  quantity: fc.nat(9),
  attributes: regions,
  location: fc.constantFrom('eu', 'us', null),
});
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: reading.map(({ deploymentId: of, quantity, attributes, location, ...key }) => ({
      ...{ command: 'observe-usage', deploymentId: of },
      observations: [
        {
          ...{ ...key, granularity: 'day', quantity: String(quantity) },
          ...(attributes === null ? {} : { attributes }),
          ...(location === null ? {} : { rateKey: { resourceType: 'vm', resourceFamily: 'standard', location } }),
        },
      ],
    })),
  },
  {
    weight: 2,
    arbitrary: reading.map(({ quantity, attributes: _a, location: _l, ...key }) => ({
      ...{ command: 'correct-usage', ...key, granularity: 'day', reason: 'read again' },
      quantity: quantity === 0 ? null : String(quantity),
    })),
  },
);
const asked = fc.record({
  deploymentId,
  billingKind,
  filter: regions,
  span: fc.tuple(fc.nat(DAYS), fc.nat(DAYS)).map(([from, days]) => ({ start: day(from), end: day(from + days) })),
  /** Of all positions. */
  share: fc.nat(8).map((n) => n / 8),
  isInLog: fc.boolean(),
});

/** What is known of readings one by one. */
function sumOf(versions: readonly RecordVersion[], location: (version: RecordVersion) => string | null) {
  const keys = [...new Set(versions.flatMap((version) => location(version) ?? []))];
  return {
    quantity: text(sum(versions.map(({ quantity }) => decimal(quantity)))),
    count: versions.length,
    positions: [...new Set(versions.map((version) => version.position_from))].sort((a, b) => a - b),
    keys: keys.sort(),
  };
}

it('sums of many readings are those of each by itself, at any position, from the table and from the log', async () => {
  const sums: number[] = [];
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 40, maxLength: 80 }),
      fc.array(asked, { minLength: 1, maxLength: 40 }),
      async (history, questions) => {
        const test = await testLedger();
        try {
          await test.apply(
            { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
            ...['a', 'b'].map((id) => ({
              ...{ command: 'register-deployment', deploymentId: id, tenantId: 't', name: id, from: ALWAYS.start },
            })),
          );
          // Some correct what was never read: they are refused.
          for (const command of history) await test.ledger.execute(command, ADMIN);
          const head = await test.core.projector.catchUp();
          const all = await readVersionsWithin(test.core.db, head, {
            ...{ deploymentIds: ['a', 'b'], billingKinds: KINDS, period: ALWAYS },
          });
          const wanted = questions.map(({ deploymentId: of, isInLog, filter, span, share, ...question }) => ({
            ...{ ...question, ...span, position: Math.round(share * head) },
            filter: filter === null ? null : JSON.stringify(filter),
            // No deployment `log/a` is in the table.
            deploymentId: isInLog ? `log/${of}` : of,
            logged: isInLog ? asJsonb(all.map((row) => ({ ...row, deployment_id: `log/${row.deployment_id}` }))) : null,
          }));
          const found = await readReadingsSums(test.core.db, wanted);
          const expected = questions.map(({ deploymentId: of, billingKind: kind, filter, span, share }) =>
            sumOf(
              all.filter(
                (row) =>
                  row.deployment_id === of &&
                  row.billing_kind === kind &&
                  row.period_start >= span.start &&
                  row.period_start < span.end &&
                  (filter === null || JSON.stringify(row.attributes) === JSON.stringify(filter)) &&
                  isAt(row, Math.round(share * head)),
              ),
              ({ location }) => location,
            ),
          );
          expect(
            found.map(({ quantity, keys, ...each }) => ({
              ...{ ...each, quantity: text(decimal(quantity)) },
              keys: keys.map(({ location }) => location).sort(),
            })),
          ).toEqual(expected);
          sums.push(...expected.map(({ count }) => count));
        } finally {
          await test.close();
        }
      },
    ),
    RUNS,
  );
  // Some sums have several readings.
  expect(Math.max(...sums)).toBeGreaterThan(1);
});
