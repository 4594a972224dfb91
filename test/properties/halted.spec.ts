import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { instant, plusHours } from '#domain/time/instant';
import type { Observation } from '#domain/usage/usage';
import { NO_STREAM } from '#event-store/port';
import { ProjectionHalted } from '#read-model/halted';
import { deployment, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';
import { checkedOn } from '../support/properties.js';

/** Usage that is sent while the projections are halted gets the answers that it would get otherwise, or none. */

type Sent = { readonly observation: Observation; readonly isEvent: boolean };
type Batch = readonly Sent[];

const START = instant('2026-04-01T00:00:00Z');

/** Few keys, so that most readings meet another of their key, of its day or its hours, or of its source id. */
const reading: fc.Arbitrary<Sent> = fc
  .record({
    isEvent: fc.boolean(),
    resourceId: fc.constantFrom('r1', 'r1', 'r2'),
    provider: fc.constantFrom(undefined, undefined, 'p', 'q'),
    isDay: fc.boolean(),
    hour: fc.integer({ min: 0, max: 1 }),
    quantity: fc.constantFrom('1', '1', '2'),
    sourceId: fc.constantFrom('s1', 's2'),
  })
  .map(({ isEvent, resourceId, provider, isDay, hour, quantity, sourceId }): Sent => {
    const start = isDay ? START : plusHours(START, hour);
    const period = { start, end: plusHours(start, isDay ? 24 : 1) };
    return {
      isEvent,
      observation: {
        resourceId,
        billingKind: 'requests',
        period,
        granularity: isDay ? 'day' : 'hour',
        quantity,
        ...(provider === undefined ? {} : { provider }),
        ...(isEvent ? { sourceId } : {}),
      },
    };
  });
const batches = fc.array(fc.array(reading, { minLength: 1, maxLength: 3 }), { minLength: 3, maxLength: 12 });

const statuses = async ({ ledger }: TestLedger, batch: Batch): Promise<string[]> =>
  (
    await ledger.ingest(
      batch.map((each) => ({ deploymentId: 'd', ...each })),
      ADMIN,
    )
  ).map((verdict) => verdict.status + ('error' in verdict ? ` ${verdict.error.code}` : ''));

/** null: the request is refused until the repair. */
async function statusesIfKnown(test: TestLedger, batch: Batch): Promise<string[] | null> {
  try {
    return await statuses(test, batch);
  } catch (error) {
    if (error instanceof ProjectionHalted) return null;
    throw error;
  }
}

async function recorded(test: TestLedger): Promise<unknown> {
  const { items } = await test.ask<{ items: readonly object[] }>('usage-records', { deploymentId: 'd' });
  return items
    .map((item) => JSON.stringify(item, (name, value: unknown) => (/position/i.test(name) ? 0 : value)))
    .sort();
}

describe('usage that is sent while the projections are halted', () => {
  it('gets the answers that it would get otherwise, or is refused as a whole until the repair', async () => {
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(batches, async (sent) => {
        const [plain, halted] = [await testLedger(), await testLedger()];
        try {
          for (const test of [plain, halted]) await test.apply(tenant('t'), deployment('d', 't'));
          await halted.ledger.catchUp();
          const { position } = await halted.core.log.append('a-stream', NO_STREAM, [
            { id: randomUUID(), type: 'TenantRenamed', data: '{}', metadata: '{"actor":"another program"}' },
          ]);
          const later: Batch[] = [];
          for (const batch of sent) {
            const expected = await statuses(plain, batch);
            const given = later.length > 0 ? null : await statusesIfKnown(halted, batch);
            // What comes after a refused request is sent after the repair: it may be about the same.
            if (given === null) later.push(batch);
            else expect(given).toEqual(expected);
          }
          answered += sent.length - later.length;
          expect((await halted.core.projector.projected()).position).toBe(position - 1);
          await halted.apply({ command: 'skip-event', position, reason: 'of another program' });
          for (const batch of later) await statuses(halted, batch);
          expect(await recorded(halted)).toEqual(await recorded(plain));
        } finally {
          await plain.close();
          await halted.close();
        }
      }),
      checkedOn(15),
    );
    expect(answered).toBeGreaterThan(0);
  });
});
