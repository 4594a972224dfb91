import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { NO_STREAM } from '#event-store/port';
import { ADMIN, testLedger, type TestLedger } from '../../../../test/support/ledger.js';

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
});
afterEach(async () => test.close());

const STREAM = 'inventory-do';
const resource = (providerId: string, characters: number) => ({
  ...{ providerId, kind: 'droplet', name: providerId, status: 'active' },
  attrs: { text: 'x'.repeat(characters) },
});
const listing = (...resources: object[]) => ({
  ...{ command: 'sync-resources', provider: 'do', seenAt: '2026-04-01T00:00:00Z' },
  resources,
});

/** Of each event of the stream: how many resources it has, and whether it has the key of the command. */
async function recorded(): Promise<(readonly [resources: number, isKeyed: boolean])[]> {
  const found: (readonly [number, boolean])[] = [];
  for (const { data, metadata } of await test.core.book.load(STREAM))
    found.push(['resources' in data ? data.resources.length : 0, metadata.command !== undefined]);
  return found;
}

describe('a command whose events need several appends', () => {
  it('records nothing if one of its events is too large', async () => {
    // An append takes 921,600 bytes. The first resource would have an append of its own.
    expect(await test.refused(listing(resource('a', 500_000), resource('b', 1_100_000)))).toMatchObject({
      code: 'event_too_large',
      message: expect.stringMatching(
        /^The command would record 1100\d{3} bytes in one event, and the log takes at most/,
      ),
    });
    expect(await test.core.log.revisionOf(STREAM)).toBe(NO_STREAM);
  });

  it('says what to do where it lists more invoices than one event holds', async () => {
    const call = {
      ...{ caller: ADMIN, name: 'issue-consolidated-invoice', key: 'k', bodyHash: '', occurredAt: null },
      ...{ isKeyed: false, idempotencyKey: null, basedOn: null, fields: {} },
    };
    const invoiceId = randomUUID();
    // Each has {"invoiceId":"…","tenantId":"lab"} and a comma, 70 bytes: 14,000 have 980,000.
    const data = {
      ...{ consolidatedInvoiceId: invoiceId, payerId: 'holding', currency: 'USD', issuedAt: ADMIN.now },
      invoices: Array.from({ length: 14_000 }, () => ({ invoiceId, tenantId: 'lab' })),
      ...{ subtotal: '1', tax: '0', total: '1', detailsRef: invoiceId, detailsHash: '' },
    };
    await expect(
      test.core.book.appendAll('consolidated-holding-USD', NO_STREAM, call, [
        { type: 'ConsolidatedInvoiceIssued', data },
      ]),
    ).rejects.toMatchObject({
      code: 'event_too_large',
      message: expect.stringMatching(
        /^The command would record 98\d{4} bytes in one event, .+ Consolidate fewer .+: name them in invoiceIds\.$/,
      ),
    });
  });

  it('records all of them, and its key with the last append', async () => {
    await test.apply(listing(resource('a', 500_000), resource('b', 500_000), resource('c', 300_000)));
    // b, c and the event that closes the listing have room in the second append: 800,000 bytes.
    expect(await recorded()).toEqual([
      [1, false],
      [1, true],
      [1, true],
      [0, true],
    ]);
  });

  it('counts the result, which each event has in its metadata', async () => {
    const call = {
      ...{ caller: ADMIN, name: 'sync-resources', key: 'k', bodyHash: '', occurredAt: null, isKeyed: true },
      ...{ idempotencyKey: null, basedOn: null, fields: {} },
    };
    const events = Array.from({ length: 100 }, () => ({
      type: 'ResourceRemoved' as const,
      data: { provider: 'do', providerId: 'a', at: ADMIN.now },
    }));
    // 100 × 10,000 bytes are more than one append takes.
    await test.core.book.appendAll(STREAM, NO_STREAM, call, events, { text: 'x'.repeat(10_000) });
    expect(await test.core.log.revisionOf(STREAM)).toBe(99);
  });
});
