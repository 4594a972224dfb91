import { afterAll, beforeAll, expect } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import pino from 'pino';
import { z } from 'zod';
import { zProblem } from '#api/problem';
import { type ApiOptions, createApi, startApi } from '#api/start';
import { type Instant, instant } from '#domain/time/instant';
import { type Role, ROLES } from '#ledger/caller';
import { Audit } from '#audit/audit';
import { LedgerCore } from '#ledger/ledger-core';
import { newSigner } from '#transparency/note';
import { createPool } from '#postgres/pool';
import { mintToken } from '#runtime/token';
import { emptyLedger } from './ledger.js';
import { isBehindGrpc, logBehindGrpc, on } from './log.js';
import { EXEMPT, SELLER } from './parties.js';
import { templateDatabase, testDatabase, type TestDatabase } from './postgres.js';
import { propose } from './proposals.js';

export const SECRET = 'a secret of the specs, longer than 32 characters';
/** In the middle of the month that the story is billed for. */
export const NOW = instant('2026-04-15T00:00:00Z');
export const clock = { now: () => NOW };
export const LISTENING = {
  host: '127.0.0.1',
  port: 0,
  requestsPerMinute: 1_000_000,
  unauthenticatedPerMinute: 1_000_000,
  connectionsPerAddress: 10_000,
  requestsAtOnce: 1000,
  queriesAtOnce: 1000,
  queryTimeoutMs: 60_000,
};
export const logger = pino({ level: 'silent' });

/** An API on the ledger of a spec. */
interface Served {
  readonly api: NestFastifyApplication;
  readonly url: string;
  /** A token of one who works for the provider, or of a tenant. */
  readonly token: (of: { readonly sub: string; readonly role: Role; readonly tenantId?: string }) => Promise<string>;
}

/** Starts an API on the ledger of a spec, where it is always `now`. `more`: the seller and such. */
export async function serving(database: string, now: Instant, more: Partial<ApiOptions> = {}): Promise<Served> {
  const api = await createApi({
    ...on(database),
    ...{ jwtSecret: SECRET, ...LISTENING, logger, ...more },
    clock: { now: () => now },
  });
  await api.listen(0, '127.0.0.1');
  return {
    ...{ api, url: await api.getUrl() },
    token: async (of) => mintToken(SECRET, { ...of, ttl: '1h' }, now),
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** The problem that an answer is, with its status in the body too. */
export function problemIn(answer: Answer): z.output<typeof zProblem> {
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const problem = zProblem.parse(answer.body);
  expect(problem.status).toBe(answer.status);
  return problem;
}

export const april = { start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' };

/** Two tenants; acme has a deployment on a plan: base fee 10.00, gateway at 0.50 a unit, and has used 8. */
export const STORY: readonly object[] = [
  { command: 'register-tenant', tenantId: 'acme', name: 'Acme', currency: 'USD', eInvoice: EXEMPT },
  { command: 'register-tenant', tenantId: 'globex', name: 'Globex', currency: 'USD' },
  {
    command: 'register-deployment',
    deploymentId: 'acme-prod',
    tenantId: 'acme',
    name: 'Production',
    from: april.start,
  },
  {
    command: 'publish-plan',
    planId: 'standard',
    name: 'Standard',
    currency: 'USD',
    baseFee: '10.00',
    paymentTerm: 'in_arrears',
    effectiveFrom: '2026-01-01T00:00:00Z',
    items: [{ billingKind: 'gateway', price: { model: 'unit', unitAmount: '0.50' } }],
  },
  {
    command: 'start-subscription',
    subscriptionId: 'acme-sub',
    deploymentId: 'acme-prod',
    planId: 'standard',
    from: april.start,
  },
  {
    command: 'set-rate',
    resourceType: 'gateway',
    resourceFamily: 'small',
    location: 'fra1',
    unitPrice: '0.01',
    effectiveFrom: '2026-01-01T00:00:00Z',
  },
  {
    command: 'observe-usage',
    deploymentId: 'acme-prod',
    observations: [
      {
        resourceId: 'gw-1',
        billingKind: 'gateway',
        period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
        granularity: 'day',
        quantity: '8',
      },
    ],
  },
  {
    command: 'observe-resource',
    provider: 'digitalocean',
    providerId: 'gw-1',
    kind: 'gateway',
    name: 'gateway 1',
    status: 'active',
    seenAt: '2026-04-02T00:00:00Z',
    tenantId: 'acme',
    deploymentId: 'acme-prod',
  },
  {
    command: 'record-cost',
    provider: 'digitalocean',
    invoiceRef: 'do-2026-04',
    lines: [
      {
        lineKey: '1',
        resourceId: 'gw-1',
        kind: 'gateway',
        chargePeriod: april,
        amount: '3.00',
        currency: 'USD',
        category: 'usage',
        tenantId: 'acme',
      },
    ],
  },
  {
    command: 'grant-credit',
    creditId: 'later',
    tenantId: 'acme',
    currency: 'USD',
    amount: '1.00',
    from: '2027-01-01T00:00:00Z',
  },
  {
    command: 'observe-usage',
    deploymentId: 'acme-prod',
    observations: [
      {
        resourceId: 'z-1',
        billingKind: 'zones',
        period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
        granularity: 'day',
        quantity: '1',
      },
    ],
  },
  { command: 'run-metering', date: '2026-04-02' },
  // Learnt after its day was metered.
  {
    command: 'observe-resource',
    provider: 'digitalocean',
    providerId: 'snapshot-1',
    kind: 'snapshot',
    name: 'snapshot 1',
    status: 'active',
    sizeGb: '8',
    seenAt: '2026-04-02T12:00:00Z',
    tenantId: 'acme',
    deploymentId: 'acme-prod',
  },
];

const created = z.object({
  result: z.object({ invoices: z.array(z.object({ invoiceId: z.string(), currency: z.string() })) }),
});
const zInvoice = z.object({ invoiceId: z.string(), lines: z.array(z.object({ lineId: z.string() })) });
const zNote = z.object({ creditNoteId: z.string() });

async function makeStory(url: string): Promise<void> {
  const pool = createPool(url, { max: 1 });
  const api = await TestApi.on({ url, pool, drop: async () => pool.end() });
  await api.happen();
  await api.close();
}

/**
 * The API over HTTP, on a database of its own, where the story has happened; one token a role, of tenant acme where it
 * needs one.
 */
export class TestApi {
  url = '';
  invoiceId = '';
  lineId = '';
  creditNoteId = '';
  readonly tokens = new Map<string, string>();
  /** Every route that Fastify has, `GET /api/v1/…`. */
  readonly served = new Set<string>();

  private constructor(
    readonly database: TestDatabase,
    readonly app: NestFastifyApplication,
    private readonly log: { stop(recorded: boolean): Promise<void> } | null,
  ) {}

  static async start(): Promise<TestApi> {
    // A copy of a database in which the story has happened takes a tenth of the time that the story takes.
    const story = isBehindGrpc ? undefined : await templateDatabase('api_story', makeStory);
    const api = await TestApi.on(await testDatabase(story));
    if (story === undefined) await api.happen();
    await api.find();
    return api;
  }

  /** Without the story: nothing is recorded. */
  static async startEmpty(): Promise<TestApi> {
    return TestApi.on(await testDatabase(isBehindGrpc ? undefined : await emptyLedger()));
  }

  /** The API on a database, which it drops when it is closed. */
  static async on(database: TestDatabase): Promise<TestApi> {
    const log = isBehindGrpc ? await logBehindGrpc(database.url) : null;
    const app = await createApi({
      ...on(database.url),
      ...{ jwtSecret: SECRET, sellerDetails: SELLER, ...LISTENING, logger, clock },
    });
    const api = new TestApi(database, app, log);
    app
      .getHttpAdapter()
      .getInstance()
      .addHook('onRoute', ({ method, url }: { method: string | string[]; url: string }) => {
        for (const each of [method].flat()) if (each !== 'HEAD') api.served.add(`${each} ${url === '' ? '/' : url}`);
      });
    await app.listen(0, '127.0.0.1');
    api.url = await app.getUrl();
    await api.issueTokens();
    return api;
  }

  private async issueTokens(): Promise<void> {
    for (const role of ROLES) {
      const tenantId = role === 'tenant' || role === 'ingest' ? { tenantId: 'acme' } : {};
      this.tokens.set(role, await mintToken(SECRET, { sub: `${role}@specs`, role, ...tenantId, ttl: '1h' }, NOW));
    }
    this.tokens.set(
      'globex',
      await mintToken(SECRET, { sub: 'globex', role: 'tenant', tenantId: 'globex', ttl: '1h' }, NOW),
    );
  }

  async happen(): Promise<void> {
    const story = await this.command(STORY);
    expect(story).toMatchObject({ status: 200, body: STORY.map((_, index) => ({ index, status: 'done' })) });
    const draft = created.parse((await this.command({ command: 'create-invoice', tenantId: 'acme', asOf: NOW })).body);
    const invoiceId = draft.result.invoices[0]?.invoiceId ?? '';
    await this.command({ command: 'issue-invoice', invoiceId, at: NOW });
    const credit = {
      command: 'create-credit-note',
      invoiceId,
      at: NOW,
      amount: '0.01',
      reason: 'a test',
    };
    await this.command(credit);
    // Void, so that the invoice is an electronic invoice of its own.
    await this.command({
      ...{ command: 'issue-consolidated-invoice', payerId: 'acme', currency: 'USD', at: NOW, invoiceIds: [invoiceId] },
    });
    await this.command({ command: 'void-consolidated-invoice', consolidatedInvoiceId: 'CI-000001', at: NOW });
    await this.post('platform_admin', '/api/v1/commands', {
      ...{ command: 'issue-token', tokenId: 'reader', actor: 'acme', role: 'tenant', tenantId: 'acme' },
      expiresAt: '2027-01-01T00:00:00Z',
    });
    await this.post('platform_admin', '/api/v1/commands', {
      ...{ command: 'register-webhook', webhookId: 'books', url: 'https://books.example' },
    });
    // Beside the log: no event is recorded.
    await this.app.get(Audit).checkpoint(newSigner('ledgerline/specs'));
    await propose(this.app.get(LedgerCore), 'story');
  }

  /** What the story made. */
  private async find(): Promise<void> {
    const first = async (list: string): Promise<unknown> =>
      z.object({ items: z.array(z.unknown()).min(1) }).parse((await this.get('operator', `/api/v1/${list}`)).body)
        .items[0];
    const { invoiceId, lines } = zInvoice.parse(await first('invoices'));
    this.invoiceId = invoiceId;
    this.lineId = lines[0]?.lineId ?? '';
    this.creditNoteId = zNote.parse(await first('credit-notes')).creditNoteId;
  }

  /** `who`: a role, or else a token; null: no one. */
  async ask(
    who: string | null,
    method: string,
    path: string,
    body?: string | Uint8Array<ArrayBuffer>,
    more: Record<string, string> = {},
  ): Promise<Answer> {
    const headers: Record<string, string> = { ...more };
    if (who !== null) headers['authorization'] = `Bearer ${this.tokens.get(who) ?? who}`;
    if (body !== undefined) headers['content-type'] ??= 'application/json';
    const response = await fetch(`${this.url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  }

  get(who: string | null, path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask(who, 'GET', path, undefined, headers);
  }

  post(who: string | null, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask(who, 'POST', path, JSON.stringify(body), headers);
  }

  command(body: unknown): Promise<Answer> {
    return this.post('operator', '/api/v1/commands', body);
  }

  /** A command that only platform_admin may give. */
  order(body: object): Promise<Answer> {
    return this.post('platform_admin', '/api/v1/commands', body);
  }

  /** Events are recorded meanwhile, but no process projects them. */
  async whileNothingIsProjected<Result>(work: () => Promise<Result>): Promise<Result> {
    const blocker = await this.database.pool.connect();
    try {
      await blocker.query('BEGIN; SELECT FROM ledgerline.checkpoint FOR UPDATE');
      return await work();
    } finally {
      await blocker.query('ROLLBACK');
      blocker.release();
    }
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.database.drop();
    await this.log?.stop(false);
  }
}

/** An API of its own on the ledger of another one, as it ships but for these settings. */
export async function beside<Result>(
  { database }: Pick<TestApi, 'database'>,
  settings: Partial<ApiOptions>,
  work: (url: string) => Promise<Result>,
): Promise<Result> {
  const own = await startApi({
    ...on(database.url),
    jwtSecret: SECRET,
    ...LISTENING,
    ...{ requestsAtOnce: 64, queriesAtOnce: 10 },
    logger,
    clock,
    ...settings,
  });
  try {
    return await work(own.url);
  } finally {
    await own.close();
  }
}

/** A request of an answer of some 40 MB: more than the buffers of a connection take, which grow to several MB. */
export function largeRequest(token: string): string {
  // 2 tenants × 150 times × 900 fields with names of 128 characters.
  const items = Array.from({ length: 150 }, (_, n) => `i${n}: items { ...F }`).join(' ');
  const fields = Array.from({ length: 900 }, (_, n) => `${'f'.repeat(125)}${100 + n}: tenantId`).join(' ');
  const body = JSON.stringify({
    query: `{ tenants(limit: 2) { ${items} } } fragment F on Tenant { ${fields} }`,
  });
  return (
    'POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAuthorization: Bearer ' +
    `${token}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
}

/** One for all specs of a file. */
export function apiForAll(): () => TestApi {
  let api: TestApi | undefined;
  const started = (): TestApi => {
    if (api === undefined) throw new Error('the API has not started: ask for it within a spec');
    return api;
  };
  beforeAll(async () => {
    api = await TestApi.start();
  });
  afterAll(async () => {
    await api?.close();
  });
  return started;
}
