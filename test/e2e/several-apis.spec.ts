import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { type RunningApi, startApi } from '#api/start';
import { mintToken } from '#runtime/token';
import { LISTENING, logger, SECRET } from '../support/api.js';
import { deployment, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';
import { on } from '../support/log.js';
import { checkedOn } from '../support/properties.js';
import { expectReplayToBeLive } from '../support/replay.js';

// Three APIs use one database. A balancer may send each request to any of them. The ledger must be the same whichever
// API gets a request, also if several get the same request.

const APIS = 3;
const DEPLOYMENTS = ['d0', 'd1', 'd2'];

let test: TestLedger;
let token: string;
const apis: RunningApi[] = [];

beforeAll(async () => {
  test = await testLedger();
  await test.apply(tenant('t'), ...DEPLOYMENTS.map((id) => deployment(id, 't')));
  token = await mintToken(SECRET, { sub: 'spec', role: 'platform_admin', ttl: '365d' }, ADMIN.now);
  const settings = { ...LISTENING, ...on(test.url), jwtSecret: SECRET, logger, clock: { now: () => ADMIN.now } };
  for (let n = 0; n < APIS; n += 1) apis.push(await startApi(settings));
});
afterAll(async () => {
  for (const api of apis) await api.close();
  await test.close();
});

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Sends a request to one of the APIs: `at` is its number. */
async function ask(at: number, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${apis[at % APIS]?.url ?? ''}/api/v1/${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

const hour = (n: number): string =>
  `2026-04-${String(1 + Math.floor(n / 24)).padStart(2, '0')}T${String(n % 24).padStart(2, '0')}:00:00Z`;
const reading = (n: number) => ({
  ...{ resourceId: 'r', billingKind: 'calls', granularity: 'hour', quantity: '1' },
  period: { start: hour(n), end: hour(n + 1) },
});
const zIngested = z.object({ accepted: z.int(), duplicate: z.int() });
const zUsed = z.object({ calls: z.string().optional() });
const ingested = ({ status, body }: Answer): z.output<typeof zIngested> => {
  expect([status, body]).toEqual([200, expect.anything()]);
  return zIngested.parse(body);
};

/** What each of the APIs says was used of a deployment. */
async function used(deploymentId: string): Promise<string[]> {
  const path = `usage?deploymentId=${deploymentId}&start=2026-04-01T00:00:00Z&end=2026-05-01T00:00:00Z`;
  const answers = await Promise.all(apis.map(async (_, at) => ask(at, path)));
  return answers.map(({ body }) => zUsed.parse(body).calls ?? '0');
}

it('take each reading once, of the same and of different deployments, whichever get it at the same time', async () => {
  const sent = new Map<string, Set<number>>(DEPLOYMENTS.map((id) => [id, new Set()]));
  const arbitraryBatch = fc.record({
    deploymentId: fc.constantFrom(...DEPLOYMENTS),
    numbers: fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 20 }),
    // Which of the APIs get it: a client that had no answer sends it again, to another one.
    to: fc.uniqueArray(fc.integer({ min: 0, max: APIS - 1 }), { minLength: 1, maxLength: APIS }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(arbitraryBatch, { minLength: 1, maxLength: 6 }), async (batches) => {
      let accepted = 0;
      const answers = await Promise.all(
        batches.flatMap(({ deploymentId, numbers, to }) =>
          to.map(async (at) => ask(at, 'usage', { deploymentId, observations: numbers.map(reading) })),
        ),
      );
      for (const answer of answers) accepted += ingested(answer).accepted;
      const before = [...sent.values()].reduce((sum, { size }) => sum + size, 0);
      for (const { deploymentId, numbers } of batches) for (const n of numbers) sent.get(deploymentId)?.add(n);
      const after = [...sent.values()].reduce((sum, { size }) => sum + size, 0);
      expect(accepted).toBe(after - before);
      for (const [deploymentId, numbers] of sent)
        expect(await used(deploymentId)).toEqual(Array(APIS).fill(String(numbers.size)));
    }),
    checkedOn(15),
  );
});

it('carry out a command once under one idempotency key, whichever get it', async () => {
  const before = await test.ledger.catchUp();
  const command = deployment('new', 't');
  const answers = await Promise.all(
    Array.from({ length: 2 * APIS }, async (_, at) =>
      ask(at, 'commands', command, { 'idempotency-key': 'of a client that retries' }),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  const outcomes = answers.map(({ body }) => z.object({ status: z.string() }).parse(body).status);
  expect(outcomes.filter((each) => each === 'done')).toHaveLength(1);
  expect(new Set(outcomes)).toEqual(new Set(['done', 'unchanged']));
  // One event.
  expect(await test.ledger.catchUp()).toBe(before + 1);
});

it('show what one of them was told, on the others at once', async () => {
  for (let n = 0; n < 30; n += 1) {
    const id = `seen-${n}`;
    const { body } = await ask(n, 'commands', tenant(id));
    const { position } = z.object({ position: z.int() }).parse(body);
    // With the position that the command gave, and without it.
    const answers = [
      await ask(n + 1, `tenants?tenantId=${id}&waitFor=${position}`),
      await ask(n + 2, `tenants?tenantId=${id}`),
    ];
    for (const each of answers) expect(each).toMatchObject({ status: 200, body: { items: [{ tenantId: id }] } });
  }
  await expectReplayToBeLive(test.url);
});
