import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook as Verifier } from 'standardwebhooks';
import { deliverWebhooks, type DeliverySettings } from '#exchange/webhooks/deliver';
import { Outbox } from '#exchange/webhooks/outbox';
import { PROJECTIONS_STREAM } from '#domain/operations/skip';
import { instant } from '#domain/time/instant';
import { EventCodec } from '#event-store/codec';
import { type NewEvent, NO_STREAM } from '#event-store/port';
import { evaluateUnbillable } from '#billing/unbillable/evaluate-unbillable';
import { evaluateAlerts } from '#billing/alerts/evaluate-alerts';
import type { Caller } from '#ledger/caller';
import { feed } from '#operations/webhooks';
import { apiForAll } from '../support/api.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';
import { type Receiver, type Received, receiver } from '../support/receiver.js';

const T = (date: string) => `${date}T00:00:00Z`;
const NOW = instant('2026-06-01T00:00:00Z');

interface Envelope {
  readonly id: string;
  readonly type: string;
  readonly tenantid?: string;
  readonly position: number;
  readonly data: Record<string, unknown>;
}
const envelopeIn = ({ body }: Received): Envelope => JSON.parse(body) as Envelope;
/** `t1 invoice.issued`, in the order in which messages came. */
const receivedBy = ({ received }: Receiver): string[] =>
  received.map(envelopeIn).map(({ tenantid = '-', type }) => `${tenantid} ${type}`);

let test: TestLedger;
let books: Receiver;
let working: AbortController;
let ended: Promise<void>;
let reports: string[];

/** Two tenants with a plan of 50.00 a month in advance. */
beforeEach(async () => {
  test = await testLedger();
  books = await receiver();
  reports = [];
  working = new AbortController();
  ended = Promise.resolve();
  await test.apply(
    plan('p', '50.00', [{ billingKind: 'requests', price: { model: 'unit', unitAmount: '0.01' } }]),
    ...['t1', 't2'].flatMap((id) => [tenant(id), deployment(`d-${id}`, id), subscription(`s-${id}`, `d-${id}`, 'p')]),
  );
});
afterEach(async () => {
  await stop();
  await books.close();
  await test.close();
});

/** A worker's part that sends webhooks. */
function work(settings: Partial<DeliverySettings> = {}): void {
  working = new AbortController();
  ended = deliverWebhooks(test.core, working.signal, {
    ...{ now: () => NOW, allowsPrivate: true, backoffS: [0, 0, 0], report: (message) => reports.push(message) },
    ...settings,
  });
}
async function stop(): Promise<void> {
  working.abort();
  await ended;
}
const register = async (webhookId: string, { url }: Pick<Receiver, 'url'>, more: object = {}): Promise<unknown> =>
  test.apply({ command: 'register-webhook', webhookId, url, ...more });
/** Drafts and issues a month's invoice. The invoice as of the first of a month has that month's fee. */
async function bill(tenantId: string, month: string): Promise<string> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T(`2026-${month}-01`) });
  const { invoices } =
    created?.status === 'done' ? (created.result as { invoices: { invoiceId: string }[] }) : { invoices: [] };
  const invoiceId = invoices[0]?.invoiceId ?? '';
  await test.apply({ command: 'issue-invoice', invoiceId, at: NOW });
  await test.ledger.catchUp();
  return invoiceId;
}
const secret = async (webhookId: string): Promise<string> =>
  (await test.ask<{ secret: string }>('webhook-secret', { webhookId })).secret;
const replay = (after: number) => ({ command: 'replay-webhook', webhookId: 'books', after, reason: `after ${after}` });
const deliveries = async (webhookId: string, params: object = {}) =>
  (
    await test.ask<{ items: { state: string; problem: string | null; attempts: number }[] }>('webhook-deliveries', {
      webhookId,
      ...params,
    })
  ).items;

describe('a webhook', () => {
  it('receives what happened, as CloudEvents that are signed as Standard Webhooks says', async () => {
    await register('books', books, { types: ['invoice.issued'] });
    work();
    const invoiceId = await bill('t1', '04');
    await books.until(1);

    const [first] = books.received;
    if (first === undefined) throw new Error('nothing came');
    const { position } = envelopeIn(first);
    expect(envelopeIn(first)).toEqual({
      specversion: '1.0',
      id: first.headers['webhook-id'],
      source: 'ledgerline',
      type: 'invoice.issued',
      subject: invoiceId,
      time: expect.any(String),
      timestamp: expect.any(String),
      tenantid: 't1',
      position,
      datacontenttype: 'application/json',
      data: {
        ...{ invoiceId, currency: 'USD', issuedAt: NOW, dueAt: null },
        ...{ subtotal: '50.00', tax: '0.00', total: '50.00', payerId: null },
      },
    });
    // The library refuses timestamps that are not of now, and NOW is the time of this story.
    const verifier = new Verifier(await secret('books'));
    const signature = verifier.sign(first.headers['webhook-id'] ?? '', new Date(NOW), first.body);
    expect(first.headers).toMatchObject({
      'content-type': 'application/json',
      // 2026-06-01T00:00:00Z
      'webhook-timestamp': '1780272000',
      'webhook-signature': signature,
    });
  });

  it('begins now, or in the past', async () => {
    await bill('t1', '04');
    await register('now', books);
    const past = await receiver();
    try {
      await register('past', past, { after: 0 });
      work();
      await bill('t1', '05');
      await Promise.all([books.until(2), past.until(4)]);
      expect(receivedBy(books)).toEqual(['t1 invoice.drafted', 't1 invoice.issued']);
      expect(receivedBy(past)).toEqual([...receivedBy(books), ...receivedBy(books)]);
    } finally {
      await past.close();
    }
  });

  it('gets the messages of a tenant in order, and others meanwhile, until it takes them', async () => {
    await register('books', books);
    // The first message of t1 is refused twice.
    let refusals = 2;
    books.answers((received) => (envelopeIn(received).tenantid === 't1' && refusals-- > 0 ? 503 : 200));
    work();
    await bill('t1', '04');
    await bill('t2', '04');
    await books.until(6);

    const of = (tenantId: string) => receivedBy(books).filter((each) => each.startsWith(tenantId));
    expect(of('t1')).toEqual([...Array<string>(3).fill('t1 invoice.drafted'), 't1 invoice.issued']);
    expect(of('t2')).toEqual(['t2 invoice.drafted', 't2 invoice.issued']);
    expect(new Set(books.received.map(({ headers }) => headers['webhook-id'])).size).toBe(4);
  });

  it('that never answers holds up nobody else', async () => {
    const dead = await receiver();
    try {
      dead.answers(() => 'hang');
      await register('a-dead', dead);
      await register('books', books);
      // Both messages are prepared at once: while the first is being sent, no further ones are.
      await bill('t1', '04');
      work();
      await Promise.all([books.until(2), dead.until(1)]);
      expect(receivedBy(dead)).toEqual(['t1 invoice.drafted']);
      await stop();
      // An attempt that the worker ended is no attempt.
      expect(await deliveries('a-dead')).toMatchObject([
        { state: 'waiting', attempts: 0 },
        { state: 'waiting', attempts: 0 },
      ]);
    } finally {
      await dead.close();
    }
  });

  it('has a message parked that it never takes, and gets the next ones and, on request, all again', async () => {
    await register('books', books);
    books.answers((received) => (envelopeIn(received).type === 'invoice.drafted' ? 400 : 200));
    work();
    await bill('t1', '04');
    // Four attempts, then the next message.
    await books.until(5);
    expect(receivedBy(books)).toEqual([...Array<string>(4).fill('t1 invoice.drafted'), 't1 invoice.issued']);
    await until(async () => (await deliveries('books', { state: 'delivered' })).length === 1);
    await stop();
    expect(await deliveries('books')).toMatchObject([
      { state: 'delivered', attempts: 1, problem: null },
      { state: 'parked', attempts: 4, problem: 'HTTP 400: not now' },
    ]);
    expect(await deliveries('books', { state: 'parked' })).toHaveLength(1);
    expect(reports).toHaveLength(1);

    books.answers(() => 200);
    await test.apply({ command: 'replay-webhook', webhookId: 'books', after: 0, reason: 'repaired' });
    await test.ledger.catchUp();
    work();
    await books.until(7);
    expect(receivedBy(books).slice(5)).toEqual(['t1 invoice.drafted', 't1 invoice.issued']);
    const ids = books.received.map(({ headers }) => headers['webhook-id']);
    expect(ids.slice(5)).toEqual(ids.slice(3, 5));
  });

  it('is sent what waited for days, also if it does not take it at once', async () => {
    await register('books', books, { types: ['invoice.issued'] });
    books.answers(() => 503);
    work({ backoffS: [3600] });
    await bill('t1', '04');
    await books.until(1);
    await until(async () => (await deliveries('books'))[0]?.attempts === 1);
    await stop();
    // No worker ran for four days.
    await test.core.pool.query(
      "UPDATE ledgerline_webhooks.deliveries SET prepared_at = now() - interval '4 days'," +
        " next_at = now() - interval '3 days', attempts = 3",
    );
    work({ backoffS: [0, 0, 0, 0, 0] });
    books.answers(() => (books.received.length < 4 ? 503 : 200));
    await until(async () => (await deliveries('books'))[0]?.state === 'delivered');
    expect(reports).toEqual([]);
  });

  it('is sent what waited at once after a replay, and by one worker of two', async () => {
    await register('books', books);
    books.answers(() => 503);
    work({ backoffS: [3600, 3600] });
    await bill('t1', '04');
    await books.until(1);
    // Without a replay, the next attempt would be in an hour.
    books.answers(() => 200);
    const second = new AbortController();
    const other = deliverWebhooks(test.core, second.signal, {
      ...{ now: () => NOW, allowsPrivate: true, report: (message: string) => reports.push(message) },
    });
    await test.apply({ command: 'replay-webhook', webhookId: 'books', after: 0, reason: 'repaired' });
    await test.ledger.catchUp();
    await books.until(3);
    await until(async () => (await deliveries('books', { state: 'delivered' })).length === 2);
    expect(receivedBy(books).slice(1)).toEqual(['t1 invoice.drafted', 't1 invoice.issued']);
    second.abort();
    await other;
  });

  it.each([
    ['is told of another URL', async (url: string) => change({ command: 'change-webhook', url })],
    ['is paused and resumed', async () => change({ command: 'pause-webhook' }, { command: 'resume-webhook' })],
  ])('that %s while no worker runs is sent at once what waited', async (_, happens) => {
    await register('books', books);
    books.answers(() => 503);
    work({ backoffS: [3600, 3600] });
    await bill('t1', '04');
    await books.until(1);
    await until(async () => (await deliveries('books', { state: 'waiting' })).some(({ attempts }) => attempts === 1));
    await stop();
    await happens(`${books.url}/moved`);
    books.answers(() => 200);
    work({ backoffS: [3600, 3600] });
    await books.until(3);
    expect(receivedBy(books).slice(1)).toEqual(['t1 invoice.drafted', 't1 invoice.issued']);
  });

  const change = async (...commands: readonly object[]): Promise<void> => {
    await test.apply(...commands.map((command) => ({ webhookId: 'books', reason: 'repaired', ...command })));
    await test.ledger.catchUp();
  };

  it('gets the messages of other tenants, though one has more waiting than are prepared', async () => {
    await register('books', books);
    books.answers((received) => (envelopeIn(received).tenantid === 't1' ? 503 : 200));
    work({ backoffS: [3600], mostWaiting: { moving: 2, all: 1000 } });
    await bill('t1', '04');
    await books.until(1);
    await bill('t2', '04');
    await books.until(3);
    expect(receivedBy(books)).toEqual(['t1 invoice.drafted', 't2 invoice.drafted', 't2 invoice.issued']);
  });

  it('is full with what is being sent, or with very much that is not taken', async () => {
    await register('books', books);
    books.answers(() => 503);
    work({ backoffS: [3600] });
    await bill('t1', '04');
    await books.until(1);
    await until(async () => (await deliveries('books', { state: 'waiting' })).some(({ attempts }) => attempts === 1));
    await stop();
    const outbox = new Outbox(test.core.pool);
    // Two messages of t1 wait, behind one that was tried.
    expect(await outbox.isFull('books', { moving: 2, all: 3 })).toBe(false);
    expect(await outbox.isFull('books', { moving: 2, all: 2 })).toBe(true);
    await outbox.hurry('books', Number.MAX_SAFE_INTEGER);
    expect(await outbox.isFull('books', { moving: 3, all: 4 })).toBe(false);
    expect(await outbox.isFull('books', { moving: 2, all: 3 })).toBe(true);
  });

  it.each([
    ['is paused', true],
    ['was registered before a worker ran', false],
  ])('that %s loses nothing by a replay of what comes later', async (_, isKnown) => {
    await register('books', books, { types: ['invoice.issued'] });
    if (isKnown) {
      work();
      await bill('t1', '04');
      await books.until(1);
      await stop();
    }
    await test.apply({ command: 'pause-webhook', webhookId: 'books', reason: 'moving' });
    await bill('t1', '05');
    const after = await test.ledger.catchUp();
    await bill('t2', '04');
    await test.apply(replay(after), { command: 'resume-webhook', webhookId: 'books', reason: 'moved' });
    await test.ledger.catchUp();
    const before = books.received.length;
    work();
    await books.until(before + 2);
    expect(receivedBy(books).slice(before).sort()).toEqual(['t1 invoice.issued', 't2 invoice.issued']);
  });

  it('is sent all of two replays that came before a worker looked', async () => {
    const start = await test.ledger.catchUp();
    await register('books', books, { types: ['invoice.issued'] });
    work();
    await bill('t1', '04');
    const later = await test.ledger.catchUp();
    await bill('t2', '04');
    await books.until(2);
    await stop();
    await test.apply(replay(start), replay(later));
    await test.ledger.catchUp();
    work();
    await books.until(4);
    expect(receivedBy(books).slice(2).sort()).toEqual(['t1 invoice.issued', 't2 invoice.issued']);
  });

  it('that is paused gets no more of what waits, though it is being sent to', async () => {
    await register('books', books);
    await bill('t1', '04');
    await bill('t1', '05');
    let paused: Promise<unknown> | undefined;
    books.answers(() => {
      paused ??= test.apply({ command: 'pause-webhook', webhookId: 'books', reason: 'too much' });
      return 503;
    });
    work({ backoffS: Array<number>(10_000).fill(0) });
    await until(async () => paused !== undefined && (await paused) !== undefined);
    await test.ledger.catchUp();
    // A look sees the pause. What is on its way then is the last.
    await until(async () => {
      const before = books.received.length;
      await new Promise((resolve) => setTimeout(resolve, 1500));
      return books.received.length === before;
    });
    expect(await deliveries('books', { state: 'waiting' })).toHaveLength(4);
  });

  it('receives no message about an event that was skipped', async () => {
    const invoiceId = await bill('t1', '04');
    const [event] = (
      await test.ask<{ items: { position: number; type: string; eventId: string }[] }>('events', {
        type: 'InvoiceIssued',
      })
    ).items;
    if (event === undefined) throw new Error('nothing was issued');
    expect((await test.ask<{ items: Envelope[] }>('feed')).items.map(({ type }) => type)).toContain('invoice.issued');
    // As if the event had halted the projections.
    const revision = await test.core.log.revisionOf(PROJECTIONS_STREAM);
    await test.core.log.append(PROJECTIONS_STREAM, revision, [skip(event)]);
    expect((await test.ask<{ items: Envelope[] }>('feed')).items).toMatchObject([
      { type: 'invoice.drafted', data: { invoiceId } },
    ]);
  });

  it('receives one message about each halt while it lasts, and then those of the events behind it', async () => {
    await register('books', books, { types: ['invoice.issued', 'projection.halted'] });
    work();
    await bill('t1', '04');
    await books.until(1);
    // Of a program of another version.
    const { position } = await test.core.log.append('a-stream', NO_STREAM, [
      { id: randomUUID(), type: 'TenantRenamed', data: '{}', metadata: '{}' },
    ]);
    await expect(test.ledger.catchUp()).rejects.toMatchObject({ name: 'ProjectionHalted' });
    await books.until(2);
    const [, halted] = books.received.map(envelopeIn);
    expect(halted).toMatchObject({
      ...{ type: 'projection.halted', subject: String(position), position },
      data: {
        ...{ position, projection: expect.any(String), reason: expect.stringContaining('TenantRenamed') },
        haltedAt: expect.any(String),
      },
    });
    // The same event, again: the cause seemed to be repaired.
    await test.core.pool.query('UPDATE ledgerline.checkpoint SET halted = NULL');
    await expect(test.ledger.catchUp()).rejects.toMatchObject({ name: 'ProjectionHalted' });
    await books.until(3);
    const [, , again] = books.received.map(envelopeIn);
    expect(again).toMatchObject({ type: 'projection.halted', position });
    expect(again?.id).not.toBe(halted?.id);
    await test.apply({ command: 'skip-event', position, reason: 'of another program' });
    await bill('t2', '04');
    await books.until(4);
    expect(receivedBy(books)).toEqual([
      ...['t1 invoice.issued', '- projection.halted', '- projection.halted', 't2 invoice.issued'],
    ]);
  });

  it('waits while it is paused, and is gone when it is removed', async () => {
    await register('books', books);
    const reason = 'repair';
    await test.apply({ command: 'pause-webhook', webhookId: 'books', reason });
    work();
    await bill('t1', '04');
    await test.apply({ command: 'resume-webhook', webhookId: 'books', reason });
    await test.ledger.catchUp();
    await books.until(2);
    // What was said before may be said again.
    expect(await test.apply({ command: 'pause-webhook', webhookId: 'books', reason })).toMatchObject([
      { status: 'done' },
    ]);
    expect(await test.ask('webhooks')).toMatchObject({ items: [{ webhookId: 'books', state: 'paused', reason }] });
    await test.apply({ command: 'remove-webhook', webhookId: 'books', reason });
    expect(await test.ask('webhooks')).toMatchObject({ items: [] });
    expect(await test.refused({ command: 'resume-webhook', webhookId: 'books', reason })).toMatchObject({
      code: 'webhook_removed',
    });
    expect(
      await test.refused({ command: 'register-webhook', webhookId: 'books', url: 'https://b.example' }),
    ).toMatchObject({
      code: 'webhook_removed',
    });
    await expect(secret('books')).rejects.toMatchObject({ code: 'unknown_webhook' });
  });

  it('is registered once, and again with the same fields', async () => {
    await register('books', books);
    const [again] = await test.apply({ command: 'register-webhook', webhookId: 'books', url: books.url });
    expect(again).toMatchObject({ status: 'unchanged' });
    const refused = async (more: object) =>
      test.refused({ command: 'register-webhook', webhookId: 'books', url: books.url, ...more });
    expect(await refused({ tenantId: 't1' })).toMatchObject({ code: 'webhook_exists' });
    expect(await refused({ tenantId: 't1', types: ['alert.raised'] })).toMatchObject({
      message: 'register-webhook: types has no type of message that is about a tenant. Omit tenantId.',
    });
    expect(await refused({ types: ['invoice.paid', 'invoice.paid'] })).toMatchObject({ code: 'invalid_input' });
    expect(await refused({ since: T('2026-06-02') })).toMatchObject({
      message: 'register-webhook: since is in the future. Omit it to begin now.',
    });
    await expect(test.ask('feed', { after: 1_000_000 })).rejects.toMatchObject({ code: 'position_ahead' });
    await expect(test.ask('webhook-deliveries', { webhookId: 'books', cursor: 'x' })).rejects.toMatchObject({
      code: 'invalid_cursor',
    });
  });

  it('is signed with both secrets for a day after a rotation', async () => {
    await register('books', books, { types: ['invoice.issued'] });
    const before = await secret('books');
    await test.apply({ command: 'rotate-webhook-secret', webhookId: 'books', reason: 'yearly' });
    const after = await secret('books');
    expect(after).not.toBe(before);
    await bill('t1', '04');
    await bill('t2', '04');
    const now = new Date();
    work({ now: () => instant(now.toISOString()) });
    await books.until(1);
    const [first] = books.received;
    const { headers = {}, body = '' } = first ?? {};
    expect(new Verifier(before).verify(body, headers)).toMatchObject({ tenantid: 't1' });
    expect(new Verifier(after).verify(body, headers)).toMatchObject({ tenantid: 't1' });
    await books.until(2);
    await stop();

    await bill('t1', '05');
    work({ now: () => instant(new Date(now.getTime() + 25 * 3_600_000).toISOString()) });
    await books.until(3);
    const { headers: later = {} } = books.received[2] ?? {};
    expect(later['webhook-signature']?.split(' ')).toHaveLength(1);
  });

  it('of one tenant gets only what is about it', async () => {
    await register('books', books, { tenantId: 't2', types: ['invoice.issued', 'rate.corrected'] });
    work();
    await bill('t1', '04');
    await bill('t2', '04');
    await bill('t2', '05');
    await books.until(2);
    expect(receivedBy(books)).toEqual(['t2 invoice.issued', 't2 invoice.issued']);
  });

  it('in a private network is not reached unless the worker allows it', async () => {
    const { port } = new URL(books.url);
    await register('address', books);
    // A name that resolves to 127.0.0.1.
    await register('name', { url: `http://localhost:${port}/` });
    work({ allowsPrivate: false, backoffS: [] });
    await bill('t1', '04');
    await until(async () => (await parked('address')) + (await parked('name')) === 4);
    expect(books.received).toEqual([]);
    expect((await deliveries('address'))[0]?.problem).toBe(
      '127.0.0.1 is in a private network. Webhooks are sent there only if the worker runs with' +
        ' LEDGERLINE_WEBHOOK_PRIVATE_NETWORKS=allow.',
    );
    expect((await deliveries('name'))[0]?.problem).toMatch(/^localhost is in a private network\./);
  });

  const parked = async (webhookId: string) => (await deliveries(webhookId, { state: 'parked' })).length;

  it.each([
    ['books.example', 'is not a URL. Give one such as https://books.example/ledgerline'],
    ['http://books.example/', 'must begin with https://'],
    ['http://93.184.215.14/', 'must begin with https://'],
    ['https://books.example/\r\nX: 1', 'has a space or a character that is not shown. Remove it'],
    ['ftp://localhost/', 'must begin with https://'],
    ['https://me:secret@books.example/', 'has a user or a password. Omit them: messages are signed'],
  ])('can not be %s', async (url, message) => {
    expect(await test.refused({ command: 'register-webhook', webhookId: 'w', url })).toMatchObject({
      code: 'invalid_input',
      message: `register-webhook: url ${message}`,
    });
  });

  it('receives a message about usage that comes after the invoice', async () => {
    const observed = (day: string) => ({
      ...{ command: 'observe-usage', deploymentId: 'd-t1' },
      observations: [
        {
          ...{ resourceId: 'r', billingKind: 'requests', granularity: 'event', quantity: '100' },
          period: { start: `2026-04-${day}T00:00:00Z`, end: `2026-04-${day}T01:00:00Z` },
        },
      ],
    });
    await test.apply(observed('10'));
    await bill('t1', '05');
    await register('books', books);
    await test.apply(observed('11'));
    await test.ledger.catchUp();
    work();
    await books.until(2);
    expect(books.received.map(envelopeIn)).toMatchObject(
      ['usage.late', 'correction.owed'].map((type) => ({
        ...{ type, tenantid: 't1' },
        data: { tenantId: 't1', lineIds: [expect.any(String)], lineCount: 1 },
      })),
    );
  });
});

it('has messages of payments and refunds', async () => {
  const own = { tenantId: 't1', currency: 'USD' };
  const at = '2026-06-01T00:00:00Z';
  await bill('t1', '04');
  const from = await test.ledger.catchUp();
  const pays = { command: 'record-payment', ...own, paymentId: 'p', amount: '100', at, invoiceIds: [] };
  const never = { command: 'withdraw', ...own, reason: 'a mix-up' };
  await test.apply(
    { ...pays, reference: 'Ada' },
    { command: 'apply-payment', ...own, paymentId: 'p', applicationId: 'a', at },
    { command: 'record-refund', ...own, refundId: 'r', paymentId: 'p', amount: '1.5', at },
    { ...never, what: 'record-refund', refundId: 'r' },
    { ...never, what: 'apply-payment', paymentId: 'p', applicationId: 'a' },
    { ...never, what: 'record-payment', paymentId: 'p' },
  );
  const { items } = await test.ask<{ items: Envelope[] }>('feed', { after: from });
  const some = {
    currency: 'USD',
    applied: [{ invoiceId: expect.any(String), amount: expect.stringMatching(/^\d+\.\d\d$/) }],
  };
  expect(items.map(({ type, data }) => [type, data])).toEqual([
    [
      'payment.recorded',
      { paymentId: 'p', currency: 'USD', amount: '100.00', at, payerId: null, transferId: null, applied: [] },
    ],
    ['payment.applied', { paymentId: 'p', applicationId: 'a', at, ...some }],
    ['invoice.paid', { invoiceId: expect.any(String), currency: 'USD', at, by: null, payerId: null }],
    ['refund.recorded', { refundId: 'r', paymentId: 'p', currency: 'USD', amount: '1.50', at, reason: null }],
    ['refund.withdrawn', { refundId: 'r', paymentId: 'p', currency: 'USD', amount: '1.50', reason: 'a mix-up' }],
    ['payment.application_withdrawn', { paymentId: 'p', applicationId: 'a', ...some, reason: 'a mix-up' }],
    ['invoice.payment_withdrawn', expect.anything()],
    ['payment.withdrawn', { paymentId: 'p', currency: 'USD', applied: [], reason: 'a mix-up' }],
  ]);
});

it('says that a credit note paid an invoice, and no money', async () => {
  const invoiceId = await bill('t1', '04');
  const from = await test.ledger.catchUp();
  const at = NOW;
  await test.apply({ command: 'create-credit-note', invoiceId, at, reason: 'an outage' });
  const { items } = await test.ask<{ items: Envelope[] }>('feed', { after: from });
  expect(items.map(({ type, data }) => [type, data])).toEqual([
    ['credit_note.issued', expect.objectContaining({ invoiceId })],
    ['invoice.paid', { invoiceId, currency: 'USD', at, by: 'credit_note', payerId: null }],
  ]);
});

it('says what can not be billed when it is found, and no more while it stays so', async () => {
  const KEY = { resourceType: 'VmCores', resourceFamily: 'standard', location: 'eu' };
  const reading = (deploymentId: string, billingKind: string, more: object = {}) => ({
    ...{ command: 'observe-usage', deploymentId },
    observations: [
      {
        ...{ resourceId: 'r', billingKind, granularity: 'event', quantity: '2', ...more },
        period: { start: '2026-04-10T00:00:00Z', end: '2026-04-10T01:00:00Z' },
      },
    ],
  });
  await test.apply(
    plan('cores', '0', [{ billingKind: 'cores', price: { model: 'rate_card' } }]),
    ...[tenant('t3'), deployment('d-t3', 't3'), subscription('s-t3', 'd-t3', 'cores')],
    reading('d-t3', 'cores', { rateKey: KEY }),
    reading('d-t1', 'zones'),
  );
  const from = await test.ledger.catchUp();
  const scheduler: Caller = { actor: 'scheduler', role: 'operator', now: NOW };
  const evaluate = async () => {
    await test.ledger.catchUp();
    const { found, ended } = await evaluateUnbillable(test.core, scheduler);
    await test.ledger.catchUp();
    return [found, ended];
  };
  expect(await evaluate()).toEqual([2, 0]);
  expect(await evaluate()).toEqual([0, 0]);
  const told = async () =>
    (await test.ask<{ items: Envelope[] }>('feed', { after: from })).items.map(({ type, tenantid, data }) => [
      ...[type, tenantid ?? null, data],
    ]);
  const quarantined = ['line.quarantined', 't3', { invoiceId: null, lineId: expect.any(String), code: 'missing_rate' }];
  const unbilled = [
    ...['usage.unbilled', null],
    {
      ...{ tenantId: 't1', deploymentId: 'd-t1', billingKind: 'zones', reason: 'no_plan_item', readings: 1 },
      ...{ quantity: '2', period: { start: '2026-04-10T00:00:00Z', end: '2026-04-10T01:00:00Z' } },
    },
  ];
  expect(await told()).toMatchObject([unbilled, quarantined]);

  // Both are put right, and come back.
  const rate = { ...KEY, effectiveFrom: T('2026-01-01') };
  const april = { start: T('2026-04-01'), end: T('2026-05-01') };
  const waived = { deploymentId: 'd-t1', billingKind: 'zones', period: april };
  await test.apply(
    { command: 'set-rate', ...rate, unitPrice: '0.10' },
    { command: 'waive-usage', ...waived, reason: 'a trial' },
  );
  expect(await evaluate()).toEqual([0, 2]);
  await test.apply({ command: 'withdraw', what: 'waive-usage', ...waived, reason: 'no trial' });
  expect(await evaluate()).toEqual([1, 0]);
  expect(await told()).toMatchObject([unbilled, quarantined, unbilled]);
});

const codec = new EventCodec();
const skip = ({ position, eventId, type }: { position: number; eventId: string; type: string }): NewEvent => {
  const data = { position, eventId, type, reason: 'a test' };
  return codec.encode(randomUUID(), { type: 'EventSkipped', data }, { actor: 'test' });
};

/** Asks until it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('the feed', () => {
  it('has the messages that endpoints receive, and goes on where it ended', async () => {
    await register('books', books);
    work();
    await bill('t1', '04');
    await bill('t2', '04');
    await books.until(4);
    const sent = books.received.map(envelopeIn);
    const first = await test.ask<{ items: Envelope[]; position: number }>('feed', { after: 0, limit: 2 });
    expect(first.items).toEqual(sent.filter(({ tenantid }) => tenantid === 't1'));
    const second = await test.ask<{ items: Envelope[]; position: number }>('feed', { after: first.position });
    expect(second.items).toEqual(sent.filter(({ tenantid }) => tenantid === 't2'));
    expect(await test.ask('feed', { after: second.position })).toEqual({ items: [], position: second.position });
    expect(await test.ask('feed', { tenantId: 't2', type: 'invoice.issued' })).toMatchObject({
      items: [{ tenantid: 't2', type: 'invoice.issued' }],
    });
    // A halt is a state that passes, so the feed never has it.
    await expect(test.ask('feed', { type: 'projection.halted' })).rejects.toMatchObject({ code: 'invalid_parameter' });
    const own = { ...ADMIN, role: 'tenant' as const, tenantId: 't2' };
    expect(await test.ledger.ask('feed', {}, own)).toMatchObject({ items: [{ tenantid: 't2' }, { tenantid: 't2' }] });
    await expect(test.ledger.ask('feed', { tenantId: 't1' }, own)).rejects.toMatchObject({ code: 'unknown_tenant' });
  });
});

describe('an alert', () => {
  it('reaches an endpoint of all tenants and a platform_admin, no tenant and no other role', async () => {
    const own = await receiver();
    try {
      await bill('t1', '04');
      await register('books', books);
      await register('own', own, { tenantId: 't1' });
      const rule = {
        alertId: 'any',
        when: 'margin_below',
        percent: '1000',
        by: 'tenant',
        effectiveFrom: T('2026-01-01'),
      };
      await test.apply({ command: 'set-margin-alert', ...rule });
      await test.ledger.catchUp();
      await evaluateAlerts(test.core, { actor: 'scheduler', role: 'operator', now: NOW }, null);
      await bill('t1', '05');
      work();
      await own.until(2);
      expect(receivedBy(own)).toEqual(['t1 invoice.drafted', 't1 invoice.issued']);
      await until(async () => Promise.resolve(receivedBy(books).includes('t1 invoice.issued')));
      expect(receivedBy(books)).toContain('- alert.raised');
      const types = async (role: Caller['role']) =>
        (await test.ledger.ask(feed, {}, { ...ADMIN, role })).items.map(({ type }) => type);
      expect(await types('platform_admin')).toContain('alert.raised');
      expect(await types('operator')).not.toContain('alert.raised');
    } finally {
      await own.close();
    }
  });
});

describe('the feed over HTTP', () => {
  const api = apiForAll();

  it('answers at once what is there, and waits for what is not', async () => {
    const { body } = await api().get('operator', '/api/v1/events/feed?after=0&wait=30');
    const { items, position } = body as { items: unknown[]; position: number };
    expect(items.length).toBeGreaterThan(0);
    const asked = api().get('operator', `/api/v1/events/feed?after=${position}&wait=30`);
    await api().command(tenant('new-here'));
    expect((await asked).body).toEqual({ items: [], position: position + 1 });
    expect((await api().get('operator', '/api/v1/events/feed?after=2&wait=31')).body).toMatchObject({
      code: 'invalid_parameter',
    });
  });
});
