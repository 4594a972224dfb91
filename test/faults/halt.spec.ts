import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startWorker } from '../../apps/worker/src/worker.js';
import { LedgerCore } from '#ledger/ledger-core';
import { clock, logger, NOW, problemIn, TestApi } from '../support/api.js';
import { closeBrowser, signIn, visiting } from '../support/browser.js';
import { cli, folder } from '../support/cli.js';
import { on } from '../support/log.js';
import { expectReplayToBeLive } from '../support/replay.js';

/** Written by a program of another version: nobody here can read it. */
const UNREADABLE = { type: 'TenantRenamed', data: '{"tenantId":"acme"}' };
/** It can be read, but not applied: a line is cut that was never opened. */
const IMPOSSIBLE = {
  type: 'LineSplit',
  data: JSON.stringify({
    lineId: '0d1c2b3a-4f5e-5d6c-8b7a-998877665544',
    at: '2026-04-05T00:00:00.000000Z',
    billedPartId: '1d1c2b3a-4f5e-5d6c-8b7a-998877665544',
    remainingPartId: '2d1c2b3a-4f5e-5d6c-8b7a-998877665544',
    invoiceId: '3d1c2b3a-4f5e-5d6c-8b7a-998877665544',
  }),
};
const BAD = [
  ['can’t be read', UNREADABLE],
  ['can’t be applied', IMPOSSIBLE],
] as const;

const USAGE = '/api/v1/usage?deploymentId=acme-prod';
/** What the story has recorded of acme-prod. */
const OF_STORY = { gateway: '8', zones: '1' };

const reading = (day: number, more: object = {}): object => ({
  deploymentId: 'acme-prod',
  resourceId: 'gw-1',
  billingKind: 'gateway',
  period: { start: `2026-04-0${day}T00:00:00Z`, end: `2026-04-0${day + 1}T00:00:00Z` },
  granularity: 'day',
  quantity: '3',
  ...more,
});

let api: TestApi;
let core: LedgerCore;
beforeEach(async () => {
  api = await TestApi.start();
  core = api.app.get(LedgerCore);
});
afterEach(async () => api.close());

/** Appends an event past the program, which would refuse it. */
async function append(stream: string, event: { type: string; data: string }, metadata: object = {}) {
  const { position } = await core.log.append(stream, await core.log.revisionOf(stream), [
    { ...event, id: randomUUID(), metadata: JSON.stringify({ actor: 'another program', ...metadata }) },
  ]);
  for await (const { recordedAt } of core.log.readAt([position])) return { position, since: recordedAt };
  throw new Error('it was not appended');
}

const usage = async (query = '', headers = {}) => api.get('operator', `${USAGE}${query}`, headers);
const staleIn = ({ headers }: { headers: Headers }) => ({
  since: headers.get('ledgerline-stale-since'),
  reason: headers.get('ledgerline-stale'),
  position: headers.get('ledgerline-position'),
});
const CURRENT = { since: null, reason: null };
/** What reads say while the projections are halted at this position. */
const staleFrom = ({ position, since }: { position: number; since: string }) => ({
  since,
  reason: expect.stringMatching(new RegExp(`^The projections halted at position ${position} \\([\\w-]+\\)\\.$`)),
  position: String(position - 1),
});
const send = async (...items: object[]) => api.post('operator', '/api/v1/usage', items);
const skip = async (position: number, more: object = {}) =>
  api.order({ command: 'skip-event', position, reason: 'of another program', ...more });

describe.each(BAD)('while the projections are halted at an event that %s', (_, event) => {
  it('reads answer as of the position before it, and say since when they are stale', async () => {
    expect({ ...(await usage()), ...staleIn(await usage()) }).toMatchObject({ body: OF_STORY, ...CURRENT });
    const { position, since } = await append('a-stream', event);
    const stale = staleFrom({ position, since });
    const answer = await usage();
    expect(answer).toMatchObject({ status: 200, body: OF_STORY });
    expect(staleIn(answer)).toEqual(stale);
    // What is recorded later is not shown, and changes nothing about it.
    expect(await send(reading(5))).toMatchObject({ status: 200, body: { accepted: 1, position: position + 1 } });
    const later = await usage();
    expect(later).toMatchObject({ status: 200, body: OF_STORY });
    expect(staleIn(later)).toEqual(stale);
    const unchanged = await usage('', { 'if-none-match': later.headers.get('etag') ?? '' });
    expect(unchanged.status).toBe(304);
    expect(staleIn(unchanged)).toEqual(stale);
  });

  it('reads as of a moment that is projected work as usual, and those as of a later one are refused', async () => {
    const before = await usage(`&asOf=${await core.log.head()}`);
    const { position, since } = await append('a-stream', event);
    for (const asOf of [String(position - 1), '2026-04-02T00:00:00Z', '1']) {
      const answer = await usage(`&asOf=${asOf}`);
      expect({ asOf, status: answer.status, ...staleIn(answer) }).toMatchObject({ asOf, status: 200, ...CURRENT });
    }
    expect((await usage(`&asOf=${position - 1}`)).body).toEqual(before.body);
    for (const asked of [`&asOf=${position}`, `&knownAt=${since}`, `&waitFor=${position}`])
      expect(problemIn(await usage(asked))).toMatchObject({
        status: 503,
        code: 'projections_halted',
        detail: expect.stringContaining(`halted at position ${position}`),
      });
    expect(problemIn(await usage(`&asOf=${position + 1}`))).toMatchObject({ status: 400, code: 'position_ahead' });
  });

  it('the list of events shows it and those after it', async () => {
    const { position } = await append('a-stream', event);
    await send(reading(5));
    const answer = await api.get('auditor', `/api/v1/audit/events?after=${position - 1}`);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        items: [
          { position, type: event.type, actor: 'another program', data: JSON.parse(event.data) as unknown },
          { position: position + 1, type: 'UsageObserved' },
        ],
      },
    });
    expect(staleIn(answer)).toMatchObject(CURRENT);
  });

  it('GraphQL says it in the extensions of the response', async () => {
    const ask = async (asOf: string) =>
      (
        await api.post('operator', '/graphql', {
          query: `{ usage(deploymentId: "acme-prod"${asOf}) tenants { items { tenantId } } }`,
        })
      ).body;
    const data = { usage: OF_STORY, tenants: { items: [{ tenantId: 'acme' }, { tenantId: 'globex' }] } };
    expect(await ask('')).toEqual({ data });
    const { position, since } = await append('a-stream', event);
    const { reason } = staleFrom({ position, since });
    expect(await ask('')).toEqual({ data, extensions: { staleSince: since, stale: reason, position: position - 1 } });
  });

  it('is not ready for writes, but for reads, and alive', async () => {
    const { position, since } = await append('a-stream', event);
    await usage();
    await send(reading(5));
    const figures = { position: position - 1, head: position + 1, lag: 2, staleSince: since, state: 'halted' };
    const ready = await api.get(null, '/health/ready');
    expect(ready).toMatchObject({
      status: 503,
      body: { status: 'degraded', reason: expect.stringContaining(`halted at position ${position}`), ...figures },
    });
    expect(ready.headers.get('retry-after')).toBe('1');
    expect(await api.get(null, '/health/ready?for=reads')).toMatchObject({
      status: 200,
      body: { status: 'degraded', ...figures },
    });
    expect(problemIn(await api.get(null, '/health/ready?for=all'))).toMatchObject({ code: 'invalid_parameter' });
    expect((await api.get(null, '/health/live')).status).toBe(200);
    await skip(position);
    await usage();
    // An answer is kept for a second.
    while ((await api.get(null, '/health/ready')).status !== 200);
  });

  it.each(['billing-acme-USD', 'deployment-acme-prod', 'usage-acme-prod-2026-04', 'a-stream'])(
    'an issued invoice is shown, explained and checked, also where it is in %s, and after it was skipped',
    async (stream) => {
      const paths = [
        `/api/v1/invoices/${api.invoiceId}`,
        `/api/v1/invoices/${api.invoiceId}/document`,
        `/api/v1/audit/explain/${api.invoiceId}`,
        `/api/v1/lines/${api.lineId}`,
        '/api/v1/usage-records?deploymentId=acme-prod',
        // The date needs the time zone of the tenant, by its subscription.
        '/api/v1/lines?subscriptionId=acme-sub&at=2026-04-10',
        '/api/v1/dashboard/accrual',
        '/api/v1/audit/check',
      ];
      const answers = async () =>
        Promise.all(
          paths.map(async (path) => {
            const { status, body } = await api.get('platform_admin', path);
            const shown = path.endsWith('check') ? { ok: (body as { ok: boolean }).ok } : body;
            return { path, status, shown };
          }),
        );
      const before = await answers();
      expect(before.map(({ path, status }) => ({ path, status }))).toEqual(
        paths.map((path) => ({ path, status: 200 })),
      );
      const { position } = await append(stream, event);
      expect(await answers()).toEqual(before);
      await skip(position);
      expect(await answers()).toEqual(before);
    },
  );

  it('usage of deployments that it does not concern is recorded, and counted once', async () => {
    const { position } = await append('usage-another-2026-04', event);
    expect(await send(reading(5), reading(6, { quantity: '4' }))).toMatchObject({ body: { accepted: 2 } });
    expect(await send(reading(7))).toMatchObject({ body: { accepted: 1 } });
    const event5 = { specversion: '1.0', id: '5', source: 'gw-2', type: 'gateway', subject: 'acme-prod', time: NOW };
    expect(await send(event5)).toMatchObject({ body: { accepted: 1 } });
    // What was recorded meanwhile is known: sent again it is a duplicate, with another quantity a conflict.
    expect(await send(reading(5), reading(6), event5, reading(8))).toMatchObject({
      status: 200,
      body: {
        accepted: 1,
        duplicate: 2,
        conflict: 1,
        items: [
          { status: 'duplicate' },
          { status: 'conflict', error: { message: expect.stringContaining('is recorded with quantity 4, not 3') } },
          { status: 'duplicate' },
          { status: 'accepted' },
        ],
      },
    });
    const hour = { period: { start: '2026-04-07T05:00:00Z', end: '2026-04-07T06:00:00Z' }, granularity: 'hour' };
    expect(await send(reading(7, hour), { ...event5, data: { quantity: '2' } })).toMatchObject({
      body: {
        conflict: 2,
        items: [{ error: { code: 'usage_overlap' } }, { error: { code: 'usage_conflict' } }],
      },
    });
    // A correction is not compared with what is only in memory.
    expect(
      problemIn(await api.command({ command: 'correct-usage', ...reading(5, { quantity: '1' }), reason: 'a test' })),
    ).toMatchObject({ code: 'projections_halted' });
    await skip(position);
    expect(await send(reading(5), reading(7), event5)).toMatchObject({ body: { accepted: 0, duplicate: 3 } });
    // 8 + 3 + 4 + 3 + 1 + 3.
    expect(await usage()).toMatchObject({ body: { ...OF_STORY, gateway: '22' } });
    await expectReplayToBeLive(api.database.url);
  });

  it('usage of the stream that holds it is refused until it is repaired, and no other', async () => {
    await api.command({
      ...{ command: 'register-deployment', deploymentId: 'other', tenantId: 'globex', name: 'Other' },
      from: '2026-01-01T00:00:00Z',
    });
    const { position } = await append('usage-acme-prod-2026-04', event);
    const other = reading(5, { deploymentId: 'other' });
    const refused = await send(reading(5), other);
    expect(problemIn(refused)).toMatchObject({
      status: 503,
      code: 'projections_halted',
      detail: expect.stringContaining(`halted at position ${position}`),
    });
    expect(refused.headers.get('retry-after')).toBe('1');
    // The month before is another stream.
    const march = { period: { start: '2026-03-01T00:00:00Z', end: '2026-03-02T00:00:00Z' } };
    expect(await send(reading(5, march))).toMatchObject({ body: { accepted: 1 } });
    const asEvent = { specversion: '1.0', id: '5', source: 'gw-2', type: 'gateway', subject: 'acme-prod', time: NOW };
    expect((await send(asEvent)).status).toBe(503);
    await skip(position);
    // Of the refused request, the reading of the other deployment was recorded.
    expect(await send(reading(5), other)).toMatchObject({ body: { accepted: 1, duplicate: 1 } });
    expect(await api.get('operator', '/api/v1/usage?deploymentId=other')).toMatchObject({ body: { gateway: '3' } });
    expect(await usage()).toMatchObject({ body: { gateway: '14' } });
    await expectReplayToBeLive(api.database.url);
  });

  it('commands on their own streams are carried out, and those that need what follows it are refused', async () => {
    const { position } = await append('tenant-globex', event);
    // Whoever reads first learns of it, as a worker does.
    await usage();
    const tenant = (tenantId: string) => ({ command: 'register-tenant', tenantId, name: tenantId, currency: 'USD' });
    const deployment = (tenantId: string) => ({
      ...{ command: 'register-deployment', deploymentId: `of-${tenantId}`, tenantId, name: 'D' },
      from: '2026-01-01T00:00:00Z',
    });
    const halted = { status: 'refused', error: { code: 'projections_halted', kind: 'unavailable' } };
    expect(
      await api.command([
        { ...tenant('new'), idempotencyKey: 'a key' },
        deployment('new'),
        // Its stream holds the event.
        deployment('globex'),
        // It depends on that one: it is not told that there is no such deployment.
        { command: 'observe-usage', deploymentId: 'of-globex', observations: [reading(5)] },
        deployment('acme'),
        { command: 'create-invoice', tenantId: 'acme', asOf: NOW },
        { command: 'set-tax', tenantId: 'acme', name: 'VAT', ratePercent: '10', from: '2026-05-01' },
      ]),
    ).toMatchObject({
      status: 200,
      body: [{ status: 'done' }, { status: 'done' }, halted, halted, { status: 'done' }, halted, halted],
    });
    expect(await api.command({ ...tenant('new'), idempotencyKey: 'a key' })).toMatchObject({
      body: { status: 'unchanged' },
    });
    expect(problemIn(await api.command(deployment('globex')))).toMatchObject({
      status: 503,
      code: 'projections_halted',
      detail:
        `The projections halted at position ${position}, and this request depends on what was recorded from there on.` +
        ' An operator must correct the cause or skip that event. Send the same request again after that: nothing is' +
        ' recorded twice.',
    });
    expect(await skip(position, { idempotencyKey: 'another key' })).toMatchObject({ body: { status: 'done' } });
    expect(await api.command(deployment('globex'))).toMatchObject({ status: 200, body: { status: 'done' } });
    expect(await api.get('operator', '/api/v1/tenants?tenantId=new')).toMatchObject({
      body: { items: [{ tenantId: 'new' }] },
    });
  });

  it('everything is current again once it is skipped, within a measured time', async () => {
    const worker = await startWorker({ ...on(api.database.url), logger, now: clock.now });
    try {
      const { position } = await append('a-stream', event);
      for (let n = 0; n < 20; n += 1) await send(reading(5, { resourceId: `gw-${n}` }));
      expect(staleIn(await usage())).toMatchObject({ position: String(position - 1) });
      await skip(position);
      const start = performance.now();
      while ((await api.get(null, '/health/ready')).status !== 200) await core.pool.query('SELECT 1');
      const seconds = (performance.now() - start) / 1000;
      const answer = await usage();
      expect(staleIn(answer)).toMatchObject(CURRENT);
      // 8 + 20 × 3. The worker meters days of the story meanwhile, which may be there already.
      expect(answer.body).toMatchObject({ ...OF_STORY, gateway: '68' });
      // The worker tries again every 0.25 s. Here it takes as long, and under load much longer.
      expect(seconds).toBeLessThan(60);
    } finally {
      await worker.stop();
    }
  });
});

describe('an event that can’t be read', () => {
  it('refuses a command with the idempotency key that it has, and no other', async () => {
    const command = { name: 'register-tenant', key: 'x', bodyHash: 'x', idempotencyKey: 'taken' };
    const { position } = await append('a-stream', UNREADABLE, { command });
    const tenant = { command: 'register-tenant', tenantId: 'new', name: 'New', currency: 'USD' };
    expect(problemIn(await api.command({ ...tenant, idempotencyKey: 'taken' })).code).toBe('projections_halted');
    expect(await api.command({ ...tenant, idempotencyKey: 'free' })).toMatchObject({ body: { status: 'done' } });
    await skip(position);
    expect(await api.command({ ...tenant, idempotencyKey: 'taken' })).toMatchObject({ status: 200 });
  });

  it('refuses every command with an idempotency key if its metadata can’t be read either', async () => {
    // Another version named the key otherwise, so nobody here can say which key it has.
    const { position } = await append('a-stream', UNREADABLE, { command: { name: 'register-tenant', id: 'taken' } });
    const tenant = (tenantId: string) => ({ command: 'register-tenant', tenantId, name: 'New', currency: 'USD' });
    expect(problemIn(await api.command({ ...tenant('new'), idempotencyKey: 'taken' }))).toMatchObject({
      status: 503,
      code: 'projections_halted',
    });
    // Without an idempotency key, its own stream says whether it was recorded.
    expect(await api.command(tenant('new'))).toMatchObject({ body: { status: 'done' } });
    expect(problemIn(await api.command({ ...tenant('new'), currency: 'EUR' }))).toMatchObject({
      status: 409,
      code: 'conflicting_body',
      detail: expect.stringContaining('currency is "USD", not "EUR"'),
    });
    await skip(position);
    expect(await api.command({ ...tenant('newer'), idempotencyKey: 'taken' })).toMatchObject({
      body: { status: 'done' },
    });
  });

  it('is listed as the text that it is if it is no JSON', async () => {
    const { position } = await core.log.append('a-stream', -1, [
      { id: randomUUID(), type: 'Strange', data: 'no JSON', metadata: 'none either' },
    ]);
    expect(await api.get('operator', `/api/v1/audit/events?after=${position - 1}`)).toMatchObject({
      status: 200,
      body: { items: [{ position, type: 'Strange', actor: 'unknown', data: 'no JSON' }] },
    });
    expect(await skip(position)).toMatchObject({ body: { status: 'done' } });
    expect(staleIn(await usage())).toMatchObject(CURRENT);
  });

  it.each(['{}', 'null', '{"deploymentId":"acme-prod","month":"2026-04","origin":"command","observations":[null]}'])(
    'can be skipped where another program wrote usage without readings: %s',
    async (data) => {
      const { position, since } = await append('usage-acme-prod-2026-04', { type: 'UsageObserved', data });
      expect(staleIn(await usage())).toEqual(staleFrom({ position, since }));
      expect(await skip(position)).toMatchObject({ body: { status: 'done' } });
      expect(staleIn(await usage())).toMatchObject(CURRENT);
      expect(await send(reading(5))).toMatchObject({ status: 200, body: { accepted: 1 } });
      // 8 and 3
      expect(await usage()).toMatchObject({ body: { gateway: '11' } });
    },
  );

  it('can be skipped also where decisions to skip are recorded', async () => {
    const { position } = await append('projections', UNREADABLE);
    expect(staleIn(await usage())).toMatchObject({ position: String(position - 1) });
    expect(await skip(position)).toMatchObject({ body: { status: 'done' } });
    expect(staleIn(await usage())).toMatchObject(CURRENT);
  });
});

describe('the command line, while the projections are halted', () => {
  it('answers queries and says on stderr since when they are stale, and refuses what it can’t know', async () => {
    const files = await folder();
    try {
      const { position, since } = await append('a-stream', UNREADABLE);
      const env = { DATABASE_URL: api.database.url };
      const answer = await cli(['query', 'usage', 'deploymentId=acme-prod', '--json'], { env });
      expect({ code: answer.code, answer: JSON.parse(answer.stdout) as unknown }).toEqual({
        code: 0,
        answer: OF_STORY,
      });
      expect(answer.stderr).toContain(
        `stale since ${since}: reads are as of position ${position - 1}, and later events can’t be projected.` +
          ' For the reason, run "ledgerline projections status".',
      );
      const then = await cli(['query', 'usage', 'deploymentId=acme-prod', '--as-of', String(position - 1)], { env });
      expect([then.code, then.stderr]).toEqual([0, '']);
      const commands = [
        { command: 'register-tenant', tenantId: 'new', name: 'New', currency: 'USD' },
        { command: 'create-invoice', tenantId: 'acme', asOf: NOW },
        { command: 'register-tenant', tenantId: 'newer', name: 'Newer', currency: 'USD' },
      ];
      const file = await files.write('commands.jsonl', commands.map((each) => JSON.stringify(each)).join('\n'));
      const applied = await cli(['apply', file], { env });
      // It stops: what follows may depend on what is refused.
      expect([applied.code, applied.stdout]).toEqual([1, '1\tdone\tregister-tenant\n']);
      expect(applied.stderr).toContain(`commands.jsonl:2: The projections halted at position ${position}`);
      expect((await cli(['projections', 'skip', String(position), '--reason', 'foreign'], { env })).code).toBe(0);
      expect((await cli(['apply', file], { env })).code).toBe(0);
    } finally {
      await files.remove();
    }
  });
});

describe('the console, while the projections are halted', () => {
  afterAll(closeBrowser);

  it('shows a banner that says since when, until it is repaired', async () => {
    await visiting({}, async ({ page }) => {
      await signIn(page, api.url, api.tokens.get('platform_admin') ?? '');
      await page.goto(`${api.url}/console/tenants`);
      await page.getByRole('link', { name: 'Globex' }).waitFor();
      expect(await page.getByText(/^Stale since/).count()).toBe(0);
      const { position, since } = await append('a-stream', UNREADABLE);
      await page.reload();
      await page.getByText(`Stale since ${since}`).waitFor();
      await page.getByRole('link', { name: 'Globex' }).waitFor();
      await page.goto(`${api.url}/console/projections`);
      await page.getByText(`can't apply the event at position ${position}`, { exact: false }).waitFor();
      await skip(position);
      // Also what the browser has kept of an equal answer is not stale any more.
      await page.goto(`${api.url}/console/tenants`);
      await page.getByRole('link', { name: 'Globex' }).waitFor();
      expect(await page.getByText(/^Stale since/).count()).toBe(0);
    });
  });
});
