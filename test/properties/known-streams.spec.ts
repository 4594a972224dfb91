import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Ingested, UsageIntake } from '#billing/usage/ingest';
import type { KeptStreams } from '#billing/usage/known-streams';
import { canonicalJson } from '#domain/canonical-json';
import { instant } from '#domain/time/instant';
import type { Observation } from '#domain/usage/usage';
import { sha256 } from '#ledger/command';
import { deployment, tenant } from '../support/commands.js';
import { ADMIN, ledgerOn, type TestLedger, testLedger } from '../support/ledger.js';
import { checkedOn } from '../support/properties.js';
import { expectReplayToBeLive } from '../support/replay.js';

// What is new is decided from memory, by several processes, and everything else by look-up. The verdicts must be the
// same as those of a plain list.

/** One remembers nothing for long, one reads every stream at once, and one reads none that had events before. */
const PROCESSES: readonly (KeptStreams | undefined)[] = [
  { streams: 1, slots: 64, eventsPerLookUp: 1000, seenMs: 0 },
  { streams: 100, slots: 100_000, eventsPerLookUp: 1000, seenMs: 250 },
  { streams: 100, slots: 100_000, eventsPerLookUp: 0, seenMs: 250 },
  undefined,
];
const ledgers: TestLedger[] = [];
const intakes: UsageIntake[] = [];

beforeAll(async () => {
  const first = await testLedger();
  ledgers.push(first);
  await first.apply(tenant('t'));
  for (const kept of PROCESSES) {
    const ledger = await ledgerOn(first.url);
    ledgers.push(ledger);
    intakes.push(new UsageIntake(ledger.core, kept));
  }
});
afterAll(async () => {
  for (const ledger of ledgers.toReversed()) await ledger.close();
});

interface Reading {
  readonly deployment: number;
  readonly resource: number;
  readonly day: number;
  /** -1: of the day. */
  readonly hour: number;
  readonly quantity: number;
}
const reading = fc.record<Reading>({
  deployment: fc.nat(1),
  resource: fc.nat(2),
  // The last two are of May.
  day: fc.integer({ min: 28, max: 32 }),
  hour: fc.constantFrom(-1, 0, 1, 23),
  quantity: fc.constantFrom(1, 1, 1, 2),
});
const request = fc.record({
  by: fc.nat(PROCESSES.length - 1),
  readings: fc.array(reading, { minLength: 1, maxLength: 4 }),
});

const observation = ({ resource, day, hour, quantity }: Reading): Observation => {
  const date = day > 30 ? `2026-05-0${day - 30}` : `2026-04-${day}`;
  const next = day >= 30 ? `2026-05-0${day - 29}` : `2026-04-${day + 1}`;
  const at = (h: number): string => (h === 24 ? `${next}T00:00:00Z` : `${date}T${String(h).padStart(2, '0')}:00:00Z`);
  return {
    resourceId: `r${resource}`,
    billingKind: 'calls',
    period: { start: instant(at(Math.max(hour, 0))), end: instant(at(hour < 0 ? 24 : hour + 1)) },
    granularity: hour < 0 ? 'day' : 'hour',
    quantity: String(quantity),
  };
};

/** The verdicts of a plain list of what was accepted. */
class PlainList {
  private readonly accepted: Reading[] = [];

  verdict(reading: Reading): Ingested['status'] {
    const { deployment, resource, day, hour } = reading;
    const ofDay = this.accepted.filter(
      (each) => each.deployment === deployment && each.resource === resource && each.day === day,
    );
    const same = ofDay.find((each) => each.hour === hour);
    if (same !== undefined) return same.quantity === reading.quantity ? 'duplicate' : 'conflict';
    if (ofDay.some((each) => each.hour < 0 !== hour < 0)) return 'conflict';
    this.accepted.push(reading);
    return 'accepted';
  }
}

let rounds = 0;
const name = (n: number): string => `d${rounds}-${n}`;
const begin = async (): Promise<void> => {
  rounds += 1;
  await ledgers[0]?.apply(deployment(name(0), 't'), deployment(name(1), 't'));
};
const send = async (by: number, readings: readonly Reading[]): Promise<Ingested[]> =>
  (await intakes[by]?.ingest(
    readings.map((each) => ({ deploymentId: name(each.deployment), observation: observation(each), isEvent: false })),
    { ...ADMIN, requestId: `request ${(requests += 1)}` },
  )) ?? [];
let requests = 0;

describe('readings that several processes receive', () => {
  it('have the verdicts of a plain list, one request after the other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 5, maxLength: 25 }), async (sent) => {
        await begin();
        const list = new PlainList();
        for (const { by, readings } of sent) {
          const expected = readings.map((each) => list.verdict(each));
          expect((await send(by, readings)).map(({ status }) => status)).toEqual(expected);
        }
      }),
      checkedOn(15),
    );
    expect((await ledgers[0]?.check())?.failures).toEqual([]);
  });

  it('are each accepted once, many requests at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 10, maxLength: 40 }), async (sent) => {
        await begin();
        const answers = await Promise.all(
          sent.map(async ({ by, readings }) => {
            const verdicts = await send(by, readings);
            return readings.map((each, index) => ({ each, status: verdicts[index]?.status }));
          }),
        );
        const accepted = answers.flat().filter(({ status }) => status === 'accepted');
        const keys = accepted.map(({ each: { deployment, resource, day, hour } }) =>
          JSON.stringify([deployment, resource, day, hour]),
        );
        expect(new Set(keys).size).toBe(keys.length);
        // In some order, the list says the same: what was accepted comes first, and nothing of it is refused there.
        const list = new PlainList();
        expect(accepted.map(({ each }) => list.verdict(each))).toEqual(accepted.map(() => 'accepted'));
        for (const { each, status } of answers.flat())
          if (status !== 'accepted') expect(status).toBe(list.verdict(each));
      }),
      checkedOn(15),
    );
    expect((await ledgers[0]?.check())?.failures).toEqual([]);
  });

  it('are known after what others did to them: corrected, withdrawn, observed by a command', async () => {
    await begin();
    const one: Reading = { deployment: 0, resource: 0, day: 28, hour: 0, quantity: 1 };
    const [first] = ledgers;
    const statuses = async (by: number, ...readings: Reading[]) =>
      (await send(by, readings)).map((each) => each.status);
    for (let by = 0; by < PROCESSES.length; by += 1)
      expect(await statuses(by, { ...one, day: 29, resource: by })).toEqual(['accepted']);
    await first?.apply({ command: 'observe-usage', deploymentId: name(0), observations: [observation(one)] });
    for (let by = 0; by < PROCESSES.length; by += 1)
      expect(await statuses(by, one, { ...one, hour: -1 }, { ...one, quantity: 2 })).toEqual([
        ...['duplicate', 'conflict', 'conflict'],
      ]);
    await first?.apply({
      ...{ command: 'correct-usage', deploymentId: name(0), reason: 'never used' },
      ...{ ...observation(one), quantity: null },
    });
    // The hour was withdrawn, so a reading of its day is new. The same hour stays known.
    expect(await statuses(2, { ...one, hour: -1 })).toEqual(['accepted']);
    for (let by = 0; by < PROCESSES.length; by += 1)
      expect(await statuses(by, one, { ...one, hour: -1 }, { ...one, hour: 1 })).toEqual([
        ...['duplicate', 'duplicate', 'conflict'],
      ]);
  });

  it('are recorded under the hash of their command as canonical JSON', async () => {
    await begin();
    const sent = [28, 29].map((day): Reading => ({ deployment: 1, resource: 0, day, hour: -1, quantity: 1 }));
    await send(0, sent);
    const [stored] = await Array.fromAsync(ledgers[0]?.core.log.read(`usage-${name(1)}-2026-04`) ?? []);
    const fields = { deploymentId: name(1), observations: sent.map(observation) };
    const bodyHash = sha256(canonicalJson({ name: 'observe-usage', fields }));
    expect(JSON.parse(stored?.metadata ?? '')).toMatchObject({
      command: { name: 'observe-usage', key: `observe-usage:${bodyHash}`, bodyHash },
    });
  });

  it('are in the read models as a replay of the log makes them', async () => {
    const [first] = ledgers;
    await first?.core.projector.catchUp();
    await expectReplayToBeLive(first?.url ?? '');
  });
});
