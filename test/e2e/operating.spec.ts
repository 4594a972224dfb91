import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { readFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import pino from 'pino';
import { parse } from 'yaml';
import { z } from 'zod';
import { settingsFrom, VARIABLES } from '#api/environment';
import { startApi } from '#api/start';
import { LedgerCore } from '#ledger/ledger-core';
import { carryOutRebuilds } from '#operations/rebuild-work';
import {
  settingsFrom as workerSettingsFrom,
  VARIABLES as WORKER_VARIABLES,
} from '../../apps/worker/src/environment.js';
import { startWorker } from '../../apps/worker/src/worker.js';
import { apiForAll, clock, LISTENING, logger, problemIn, SECRET } from '../support/api.js';
import { tenant } from '../support/commands.js';

import { ledgerOn } from '../support/ledger.js';
import { on } from '../support/log.js';
import { testDatabase } from '../support/postgres.js';

const api = apiForAll();
const bearer = (who: string): Record<string, string> => ({ authorization: `Bearer ${api().tokens.get(who) ?? ''}` });

const zFindings = z
  .array(z.object({ code: z.string(), message: z.string(), ids: z.record(z.string(), z.unknown()) }))
  .default([]);
/** What a check found, or the last one, but for when and by whom. */
const zFound = z.object({
  ...{ failures: zFindings, notices: zFindings },
  ...{ failureCount: z.int().optional(), noticeCount: z.int().optional() },
});

/** The lines of a log, as they are written. */
function lines(): { readonly log: pino.Logger; readonly written: string[] } {
  const written: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(
        ...chunk
          .toString()
          .split('\n')
          .filter((line) => line !== ''),
      );
      done();
    },
  });
  return { log: pino({ level: 'debug' }, stream), written };
}

async function metrics(): Promise<Map<string, number>> {
  const text = String((await api().get(null, '/metrics')).body);
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

describe('metrics', () => {
  it('count requests by route, appends with their size, readings by result, and the lag', async () => {
    const route =
      'ledgerline_http_request_duration_seconds_count{method="GET",route="/api/v1/invoices/:id",status="404"}';
    const before = await metrics();
    await api().get('operator', '/api/v1/invoices/none');
    await api().get('operator', '/api/v1/invoices/nothing');
    await api().command([tenant('m1'), tenant('m2')]);
    await api().post('ingest', '/api/v1/usage', [{ deploymentId: 'nobody' }]);
    const after = await metrics();
    const grown = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    expect(grown(route)).toBe(2);
    expect(grown('ledgerline_append_duration_seconds_count{outcome="appended"}')).toBe(2);
    expect(grown('ledgerline_append_events_sum')).toBe(2);
    expect(grown('ledgerline_ingested_total{status="rejected"}')).toBe(1);
    expect(after.get('ledgerline_head_position')).toBe((before.get('ledgerline_head_position') ?? 0) + 2);
    expect(after.get('ledgerline_projection_lag_events')).toBe(
      (after.get('ledgerline_head_position') ?? 0) - (after.get('ledgerline_projected_position') ?? 0),
    );
    expect(after.get('process_cpu_seconds_total')).toBeGreaterThan(0);
    // What is in a request is never a label: ids would be without end, and someone's.
    expect([...after.keys()].filter((name) => name.includes('nothing'))).toEqual([]);
  });
});

describe('what waits for someone', () => {
  it('is in the metrics: drafts, proposals, the last metered day, and the oldest event that is not projected', async () => {
    const before = await metrics();
    // The story has one issued invoice, one open proposal, and metered 2 April.
    expect(before.get('ledgerline_invoices{status="issued"}')).toBe(1);
    expect(before.get('ledgerline_invoices{status="draft"}')).toBe(0);
    expect(before.get('ledgerline_proposals_open')).toBe(1);
    expect(before.get('ledgerline_metered_until_timestamp_seconds')).toBe(Date.parse('2026-04-03T00:00:00Z') / 1000);
    const oldest = 'ledgerline_oldest_unprojected_timestamp_seconds';
    const started = Date.now() / 1000;
    await api().whileNothingIsProjected(async () => {
      await api().command(tenant('late'));
      expect((await metrics()).get(oldest)).toBeGreaterThanOrEqual(Math.floor(started) - 1);
    });
    await api().get('operator', '/api/v1/tenants');
    expect((await metrics()).has(oldest)).toBe(false);
  });

  it('is what the last check found, also over REST', async () => {
    expect((await metrics()).has('ledgerline_check_failures')).toBe(false);
    const last = async () => (await api().get('auditor', '/api/v1/audit/check/last')).body;
    expect(await last()).toMatchObject({ checkedAt: null, ok: null, failureCount: 0 });
    await api().get('operator', '/api/v1/audit/check?asOf=3');
    expect(await last()).toMatchObject({ checkedAt: null });
    await api().get('operator', '/api/v1/audit/check');
    expect(await last()).toMatchObject({ checkedBy: 'operator@specs', ok: true, failureCount: 0 });
    // Someone has written into a table.
    const { pool } = api().database;
    await pool.query('UPDATE ledgerline.revenue SET amount = amount + 1 WHERE amount > 0');
    await api().get('auditor', '/api/v1/audit/check');
    expect(await last()).toMatchObject({
      ...{ checkedBy: 'auditor@specs', ok: false },
      failures: ['revenue_differs', 'month_revenue_differs'].map((code) => ({ code, remedy: expect.any(String) })),
    });
    await pool.query('UPDATE ledgerline.revenue SET amount = amount - 1 WHERE amount > 0');
    const seen = await metrics();
    expect(seen.get('ledgerline_check_failures')).toBe(2);
    expect(seen.get('ledgerline_check_timestamp_seconds')).toBeGreaterThan(Date.parse('2026-04-01T00:00:00Z') / 1000);
  });

  it('is complete whoever checks, and shows amounts of cost only to a platform_admin', async () => {
    const of = async (who: string, path: string) =>
      zFound.parse((await api().get(who, `/api/v1/audit/check${path}`)).body);
    const chargePeriod = { start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' };
    const line = { lineKey: '2', kind: 'gateway', chargePeriod, amount: '5.00', currency: 'USD', category: 'usage' };
    expect(
      (await api().command({ command: 'record-cost', provider: 'other', invoiceRef: 'o-1', lines: [line] })).body,
    ).toMatchObject({ status: 'done' });
    const { pool } = api().database;
    const move = async (by: string) =>
      pool.query(`UPDATE ledgerline.cost_lines SET charge_period_end = charge_period_end ${by} interval '100 years'
        WHERE provider = 'digitalocean'`);
    // The months have 5 of the 3 + 5 that were charged. The 5 have no tenant.
    await move('-');
    const whole = await of('platform_admin', '');
    expect(whole.failures.map(({ message }) => message)).toEqual([
      'providers charged 8 USD without tax, but the months of the margin come to 5',
    ]);
    expect(whole.notices.find(({ code }) => code === 'cost_without_tenant')).toMatchObject({
      message: '5 USD of cost in 2026-04 has no tenant: 1 lines',
      ids: { amount: '5', lines: 1 },
    });
    const kept = await of('platform_admin', '/last');
    expect(kept).toMatchObject({ failures: whole.failures, failureCount: 1, noticeCount: whole.notices.length });
    for (const who of ['operator', 'auditor']) {
      const seen = await of(who, '');
      expect(await of('platform_admin', '/last')).toEqual(kept);
      for (const { failures } of [seen, await of(who, '/last')])
        expect(failures).toEqual([
          {
            ...whole.failures[0],
            message: 'the costs of the months differ from what providers charged; a platform_admin sees the amounts',
            ids: { currency: 'USD' },
          },
        ]);
      expect(seen.notices.find(({ code }) => code === 'cost_without_tenant')).toMatchObject({
        message: 'cost has no tenant; a platform_admin sees the amounts',
        ids: { month: '2026-04', currency: 'USD' },
      });
    }
    await move('+');
    expect((await of('platform_admin', '')).failures).toEqual([]);
  });

  it('has a row in the manual for each alert', async () => {
    const zRules = z.object({ groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string() })) })) });
    const { groups } = zRules.parse(parse(await readFile('docs/monitoring/alerts.yaml', 'utf8')));
    const manual = await readFile('docs/running.md', 'utf8');
    const rows = [...manual.matchAll(/^\| `(Ledgerline\w+)` \|/gm)].map(([, name]) => name);
    expect(rows).toEqual(groups.flatMap(({ rules }) => rules.map(({ alert }) => alert)));
  });

  it.each(['docs/monitoring/alerts.yaml', 'docs/monitoring/grafana.json'])(
    'is what %s asks for: every metric in it is served',
    async (path) => {
      const text = await readFile(path, 'utf8');
      const used = new Set(text.match(/\bledgerline_\w+/g));
      expect(used.size).toBeGreaterThan(5);
      // A metric without a value yet has its type only.
      const served = new Set(
        [...String((await api().get(null, '/metrics')).body).matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(
          ([, name = '', type]) =>
            type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name],
        ),
      );
      expect([...used].filter((name) => !served.has(name))).toEqual([]);
    },
  );
});

describe('a rebuild', () => {
  it('shows its progress in the metrics while it runs', async () => {
    const names = ['ledgerline_rebuild_position', 'ledgerline_rebuild_lag_events'];
    const before = await metrics();
    expect(names.map((name) => before.get(name))).toEqual([undefined, undefined]);
    const { rebuilder } = api().app.get(LedgerCore);
    const stopping = new AbortController();
    // Left as soon as it has begun: what is built so far waits to be gone on with.
    await rebuilder.rebuild({
      signal: stopping.signal,
      onProgress: () => {
        stopping.abort();
      },
    });
    const during = await metrics();
    const [position = -1, lag] = names.map((name) => during.get(name));
    expect(lag).toBe((during.get('ledgerline_projected_position') ?? 0) - position);
    await rebuilder.rebuild({ accept: true });
    const after = await metrics();
    expect(names.map((name) => after.get(name))).toEqual([undefined, undefined]);
  });
});

describe('a rebuild that is requested over the API', () => {
  const zRebuild = z.object({
    state: z.string(),
    requestedBy: z.string(),
    acceptedBy: z.string().nullable(),
    isDifferent: z.boolean().nullable(),
    report: z
      .object({
        tables: z.array(z.object({ table: z.string(), different: z.int() })),
        money: z.array(z.object({ tenantId: z.string(), live: z.string(), rebuilt: z.string() })),
      })
      .nullable(),
  });
  const order = async (command: object) => api().order(command);
  const seen = async (rebuildId: string) =>
    zRebuild.parse((await api().get('platform_admin', `/api/v1/projections/rebuilds/${rebuildId}`)).body);
  const until = async (rebuildId: string, state: string) => {
    let found = await seen(rebuildId);
    while (found.state !== state) {
      expect(['waiting', 'running', state]).toContain(found.state);
      await delay(100);
      found = await seen(rebuildId);
    }
    return found;
  };

  it('is answered at once, is carried out by a worker, shows its differences, and is accepted and rolled back', async () => {
    const core = api().app.get(LedgerCore);
    const request = { command: 'rebuild-projections', rebuildId: 'r1', projections: ['tenants', 'margins'] };
    expect(await order(request)).toMatchObject({
      status: 200,
      body: { status: 'done', result: { rebuildId: 'r1', path: '/api/v1/projections/rebuilds/r1' } },
    });
    expect((await order(request)).body).toMatchObject({ status: 'unchanged' });
    expect(await seen('r1')).toMatchObject({ state: 'waiting', requestedBy: 'platform_admin@specs' });
    // One at a time, and nothing is accepted before it is compared.
    expect(problemIn(await order({ command: 'roll-back-projections', rebuildId: 'r2' })).code).toBe(
      'rebuild_under_way',
    );
    expect(problemIn(await order({ command: 'accept-rebuild', rebuildId: 'r1' })).code).toBe('rebuild_not_compared');
    expect(problemIn(await order({ command: 'accept-rebuild', rebuildId: 'r9' })).code).toBe('unknown_rebuild');
    // Someone has written into a table: 13.00 of revenue became 14.00.
    await api().database.pool.query('UPDATE ledgerline.revenue SET amount = amount + 1 WHERE amount > 0');
    const stopping = new AbortController();
    const told: string[] = [];
    const working = carryOutRebuilds(core, stopping.signal, (message) => told.push(message));
    try {
      const compared = await until('r1', 'compared');
      expect(compared).toMatchObject({ isDifferent: true, acceptedBy: null });
      expect(compared.report?.tables.filter(({ different }) => different > 0).map(({ table }) => table)).toEqual([
        'revenue',
      ]);
      expect(compared.report?.money).toEqual([expect.objectContaining({ tenantId: 'acme' })]);
      await order({ command: 'accept-rebuild', rebuildId: 'r1' });
      expect(await until('r1', 'swapped')).toMatchObject({ acceptedBy: 'platform_admin@specs' });
      await order({ command: 'roll-back-projections', rebuildId: 'r2' });
      await until('r2', 'rolled_back');
      await order({ command: 'rebuild-projections', rebuildId: 'r3' });
      await until('r3', 'compared');
      await order({ command: 'cancel-rebuild', rebuildId: 'r3' });
      expect((await seen('r3')).state).toBe('cancelled');
      await order({ command: 'rebuild-projections', rebuildId: 'r4' });
      await until('r4', 'compared');
      await order({ command: 'accept-rebuild', rebuildId: 'r4' });
      await until('r4', 'swapped');
    } finally {
      stopping.abort();
      await working;
    }
    expect(told.filter((message) => /failed/.test(message))).toEqual([]);
    // Each is an event with its actor; what came of it is in none.
    const { body } = await api().get('auditor', '/api/v1/audit/events?stream=projections');
    const recorded = z.object({ items: z.array(z.object({ type: z.string(), actor: z.string() })) }).parse(body).items;
    expect(recorded.map(({ type }) => type)).toEqual([
      'RebuildRequested',
      'RebuildAccepted',
      'RollbackRequested',
      'RebuildRequested',
      'RebuildCancelled',
      'RebuildRequested',
      'RebuildAccepted',
    ]);
    expect(new Set(recorded.map(({ actor }) => actor))).toEqual(new Set(['platform_admin@specs']));
  });

  it('is for platform_admin only, and names what it does not know', async () => {
    expect(problemIn(await api().command({ command: 'rebuild-projections', rebuildId: 'no' })).code).toBe('forbidden');
    expect((await api().get('operator', '/api/v1/projections/rebuilds')).status).toBe(403);
    expect(
      problemIn(await order({ command: 'rebuild-projections', rebuildId: 'no', projections: ['nothing'] })).code,
    ).toBe('unknown_projection');
  });
});

describe('ids', () => {
  it('of the request and its correlation are returned, and recorded with the actor', async () => {
    const answer = await api().post('operator', '/api/v1/commands', tenant('traced'), {
      'x-request-id': 'request-7',
      'x-correlation-id': 'import:2026-04',
    });
    expect([answer.headers.get('x-request-id'), answer.headers.get('x-correlation-id')]).toEqual([
      'request-7',
      'import:2026-04',
    ]);
    await api().post(
      'operator',
      '/graphql',
      {
        query:
          'mutation { execute(commands: [{ command: "register-tenant", tenantId: "traced-2", name: "T", ' +
          'currency: "USD" }]) { status } }',
      },
      { 'x-request-id': 'request-8' },
    );
    const recorded: unknown[] = [];
    for await (const { stream, metadata } of api().app.get(LedgerCore).log.readAll(0))
      if (stream.startsWith('tenant-traced')) recorded.push(JSON.parse(metadata));
    expect(recorded).toMatchObject([
      { actor: 'operator@specs', correlationId: 'import:2026-04', requestId: 'request-7' },
      { actor: 'operator@specs', correlationId: 'request-8' },
    ]);
  });
});

describe('the log', () => {
  it('has one line per request without secrets, and input can’t forge further lines', async () => {
    const { log, written } = lines();
    const logged = await startApi({ ...on(api().database.url), jwtSecret: SECRET, ...LISTENING, logger: log, clock });
    const forged = '\n{"level":60,"msg":"forged"}\r\n';
    try {
      await fetch(`${logged.url}/api/v1/tenants?tenantId=sesame-open`, {
        headers: { ...bearer('operator'), 'x-request-id': 'line-1' },
      });
      await fetch(`${logged.url}/api/v1/invoices/${encodeURIComponent(forged)}`, { headers: bearer('operator') });
      await fetch(`${logged.url}/api/v1/commands`, {
        method: 'POST',
        headers: { ...bearer('operator'), 'content-type': 'application/json' },
        body: JSON.stringify({ ...tenant('logged'), name: forged }),
      });
      await fetch(`${logged.url}/api/v1/tenants`, { headers: { authorization: `Bearer sesame${SECRET}` } });
    } finally {
      await logged.close();
    }
    const parsed = written.map((line) => z.looseObject({ msg: z.string(), level: z.number() }).parse(JSON.parse(line)));
    expect(parsed.filter(({ msg }) => msg === 'answered')).toMatchObject([
      { requestId: 'line-1', method: 'GET', path: '/api/v1/tenants', status: 404 },
      { method: 'GET', path: `/api/v1/invoices/${encodeURIComponent(forged)}`, status: 400 },
      { method: 'POST', path: '/api/v1/commands', status: 200 },
      { status: 401 },
    ]);
    expect(parsed.filter(({ level }) => level === 60)).toEqual([]);
    const all = written.join('\n');
    for (const secret of [
      SECRET,
      'sesame',
      api().tokens.get('operator') ?? '',
      'authorization',
      new URL(api().database.url).password || 'no password',
    ])
      expect(all).not.toContain(secret);
  });
});

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string | undefined;
}

/** Collects what is sent to it by OTLP over HTTP. */
async function collecting(work: (endpoint: string) => Promise<void>): Promise<Span[]> {
  const spans: Span[] = [];
  const zSpan = z.object({
    name: z.string(),
    traceId: z.string(),
    spanId: z.string(),
    parentSpanId: z.string().optional(),
  });
  const zSpans = z.object({
    resourceSpans: z.array(z.object({ scopeSpans: z.array(z.object({ spans: z.array(zSpan) })) })),
  });
  const collector = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => {
        for (const { scopeSpans } of zSpans.parse(JSON.parse(Buffer.concat(chunks).toString())).resourceSpans)
          for (const scope of scopeSpans) spans.push(...scope.spans);
        response.setHeader('content-type', 'application/json').end('{}');
      });
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { port } = z.object({ port: z.number() }).parse(collector.address());
  try {
    await work(`http://127.0.0.1:${port}`);
  } finally {
    await new Promise((resolve) => {
      collector.close(resolve);
      collector.closeAllConnections();
    });
  }
  return spans;
}

describe('traces', () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const headers = (): Record<string, string> => ({
    ...bearer('operator'),
    'content-type': 'application/json',
    traceparent: `00-${traceId}-b7ad6b7169203331-01`,
  });

  it('continue in the worker that projects the events of a request', async () => {
    const database = await testDatabase();
    const spans = await collecting(async (otlpEndpoint) => {
      const traced = await startApi({
        ...on(database.url),
        jwtSecret: SECRET,
        ...LISTENING,
        otlpEndpoint,
        logger,
        clock,
      });
      try {
        expect(
          (
            await fetch(`${traced.url}/api/v1/commands`, {
              method: 'POST',
              headers: headers(),
              body: JSON.stringify(tenant('traced')),
            })
          ).status,
        ).toBe(200);
      } finally {
        await traced.close();
      }
      const worker = await startWorker({
        ...on(database.url),
        otlpEndpoint,
        metrics: { host: '127.0.0.1', port: 0 },
        logger,
        now: clock.now,
      });
      try {
        const figures = async (): Promise<string> => (await fetch(worker.metricsUrl ?? '')).text();
        while (!/^ledgerline_projected_position 1$/m.test(await figures()))
          await new Promise((resolve) => setImmediate(resolve));
        // Told once the batch is done, which is after its position is there.
        while (!/^ledgerline_projected_events_sum 1$/m.test(await figures()))
          await new Promise((resolve) => setImmediate(resolve));
        const text = await figures();
        for (const line of [
          'ledgerline_head_position 1',
          'ledgerline_projection_lag_events 0',
          'ledgerline_projections_halted 0',
          'ledgerline_project_duration_seconds_count 1',
          'ledgerline_append_events_count 0',
        ])
          expect(text.split('\n')).toContain(line);
        const probe = async (path: string) => {
          const response = await fetch((worker.metricsUrl ?? '').replace('/metrics', path));
          return { status: response.status, text: await response.text() };
        };
        expect(await probe('/')).toEqual({ status: 404, text: '' });
        expect(await probe('/health/live')).toEqual({ status: 200, text: '{"status":"live"}' });
        const current = { position: 1, head: 1, lag: 0, lagSeconds: 0 };
        const ready = await probe('/health/ready');
        expect([ready.status, JSON.parse(ready.text)]).toEqual([200, { status: 'ready', ...current }]);
      } finally {
        await worker.stop();
        await database.drop();
      }
    });
    const own = spans.filter((span) => span.traceId === traceId);
    const post = own.find(({ name }) => name === 'POST /api/v1/commands');
    expect(own.filter(({ name }) => name === 'project').map(({ parentSpanId }) => parentSpanId)).toEqual([
      post?.spanId,
    ]);
  });

  it('go from the request to the append and the projection, and to the configured collector', async () => {
    const spans = await collecting(async (otlpEndpoint) => {
      const traced = await startApi({
        ...on(api().database.url),
        jwtSecret: SECRET,
        ...LISTENING,
        otlpEndpoint,
        logger,
        clock,
      });
      try {
        await fetch(`${traced.url}/api/v1/commands`, {
          method: 'POST',
          headers: headers(),
          body: JSON.stringify(tenant('traced-3')),
        });
        await fetch(`${traced.url}/api/v1/tenants`, { headers: headers() });
      } finally {
        // It sends what it has.
        await traced.close();
      }
    });
    const own = spans.filter((span) => span.traceId === traceId);
    const named = (name: string) => own.filter((span) => span.name === name);
    const [post, get] = [named('POST /api/v1/commands')[0], named('GET /api/v1/tenants')[0]];
    expect(post?.parentSpanId).toBe('b7ad6b7169203331');
    expect(named('append').map(({ parentSpanId }) => parentSpanId)).toEqual([post?.spanId]);
    expect(named('project').map(({ parentSpanId }) => parentSpanId)).toContain(get?.spanId);
  });
});

describe('a query that takes too long', () => {
  it('is aborted with 503, and the next one is answered', async () => {
    const impatient = await startApi({
      ...on(api().database.url),
      jwtSecret: SECRET,
      ...LISTENING,
      queryTimeoutMs: 300,
      logger,
      clock,
    });
    const ask = async () => {
      const response = await fetch(`${impatient.url}/api/v1/tenants`, { headers: bearer('operator') });
      return { status: response.status, headers: response.headers, body: await response.json() };
    };
    const blocker = await api().database.pool.connect();
    try {
      await blocker.query('BEGIN; LOCK TABLE ledgerline.tenants IN ACCESS EXCLUSIVE MODE');
      expect(problemIn(await ask())).toMatchObject({ status: 503, code: 'query_timed_out' });
      await blocker.query('ROLLBACK');
      // On a busy machine a query may take longer than that once more.
      let next = await ask();
      while (next.status === 503) next = await ask();
      expect(next.status).toBe(200);
    } finally {
      blocker.release();
      await impatient.close();
    }
  });
});

describe('stopping', () => {
  it('under load responds to every accepted request, and keeps what it confirmed', async () => {
    const database = await testDatabase();
    const stopping = await startApi({ ...on(database.url), jwtSecret: SECRET, ...LISTENING, logger, clock });
    const headers = { ...bearer('operator'), 'content-type': 'application/json' };
    const accepted: string[] = [];
    let refused = 0;
    let isOver = false;
    const writer = async (name: string): Promise<void> => {
      for (let n = 0; !isOver; n += 1) {
        const tenantId = `${name}-${n}`;
        try {
          const response = await fetch(`${stopping.url}/api/v1/commands`, {
            method: 'POST',
            headers,
            body: JSON.stringify(tenant(tenantId)),
          });
          if (response.status === 200) accepted.push(tenantId);
          else refused += 1;
          await response.text();
        } catch {
          refused += 1;
        }
      }
    };
    const writers = Array.from({ length: 8 }, (_, n) => writer(`w${n}`));
    while (accepted.length < 40) await new Promise((resolve) => setImmediate(resolve));
    const closed = stopping.close();
    await closed;
    isOver = true;
    await Promise.all(writers);
    const after = await ledgerOn(database.url);
    try {
      const { items } = await after.ask<{ items: { tenantId: string }[] }>('tenants', { limit: 10_000 });
      const recorded = new Set(items.map(({ tenantId }) => tenantId));
      expect(accepted.filter((id) => !recorded.has(id))).toEqual([]);
      // Those that were cut off may have been recorded; no more than one for each writer were under way.
      expect(recorded.size - accepted.length).toBeLessThanOrEqual(8);
      expect(refused).toBeGreaterThan(0);
    } finally {
      await after.close();
      await database.drop();
    }
  });
});

describe('the environment', () => {
  it('is one table in docs/running.md with every variable', async () => {
    const page = await readFile(new URL('../../docs/running.md', import.meta.url), 'utf8');
    const table = page.slice(
      page.indexOf('## Configuration'),
      page.indexOf('\n## ', page.indexOf('## Configuration') + 5),
    );
    expect([...VARIABLES, ...WORKER_VARIABLES].filter((name) => !table.includes(`\`${name}\``))).toEqual([]);
  });

  it('names every fault in one message, without values', () => {
    const wrong = {
      DATABASE_URL: 'mysql://user:sesame@db',
      EVENT_STORE_URL: 'http://x',
      LEDGERLINE_JWT_SECRET: 'sesame',
      LEDGERLINE_JWKS_URL: 'nowhere',
      LEDGERLINE_PORT: '-1',
      LEDGERLINE_REQUESTS_PER_MINUTE: '0',
      LEDGERLINE_REQUESTS_AT_ONCE: 'many',
      LEDGERLINE_QUERY_TIMEOUT_MS: '1e3',
      LEDGERLINE_LOG_LEVEL: 'loud',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'grpc://x',
    };
    const message = ((): string => {
      try {
        settingsFrom(wrong);
        return '';
      } catch (error) {
        return String(error);
      }
    })();
    expect(message.split('\n').slice(1)).toEqual([
      '  DATABASE_URL must be a URL that starts with postgres:// or postgresql://',
      '  EVENT_STORE_URL must be a connection string such as esdb://host:2113?tls=false, esdb://a:2113,b:2113,c:2113 or' +
        ' esdb+discover://name (or kurrentdb:// in the same forms)',
      '  LEDGERLINE_JWT_SECRET must have at least 32 characters',
      '  LEDGERLINE_JWKS_URL must be a URL that starts with https:// or http://',
      '  LEDGERLINE_PORT must be a port number from 0 to 65535',
      '  LEDGERLINE_REQUESTS_PER_MINUTE must be a whole number of at least 1',
      '  LEDGERLINE_REQUESTS_AT_ONCE must be a whole number of at least 1',
      '  LEDGERLINE_QUERY_TIMEOUT_MS must be a whole number of at least 1',
      '  LEDGERLINE_LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent',
      '  OTEL_EXPORTER_OTLP_ENDPOINT must be a URL that starts with https:// or http://',
    ]);
    expect(message).not.toContain('sesame');
  });

  it('of the worker is also checked at its start', () => {
    expect(() => workerSettingsFrom({ DATABASE_URL: '', LEDGERLINE_WORKER_PORT: 'http' })).toThrow(
      '  DATABASE_URL is not set\n  LEDGERLINE_WORKER_PORT must be a port number from 0 to 65535',
    );
    expect(workerSettingsFrom({ DATABASE_URL: 'postgres://db/x', LEDGERLINE_WORKER_PORT: '9464' })).toEqual({
      databaseUrl: 'postgres://db/x',
      logLevel: 'info',
      metrics: { host: '127.0.0.1', port: 9464 },
    });
  });
});
