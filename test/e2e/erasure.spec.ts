import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { canonicalJson } from '#domain/canonical-json';
import { PostgresLog } from '#event-store/postgres';
import { derivedId } from '#domain/derived-id';
import { Audit } from '#audit/audit';
import { sha256 } from '#ledger/command';
import { LedgerCore } from '#ledger/ledger-core';
import { createPool } from '#postgres/pool';
import { newSigner } from '#transparency/note';
import { verifyLog } from '#transparency/verify';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

// A person may ask to be forgotten; the log may not forget. The name is where it can be erased, and no hash is of it.

const NAME = 'Ada Lovelace, 12 St James Square';
/** What the bank says of a payment of hers, and of the refund of it. */
const SAID = 'rent of Ada Lovelace';
const T = '2026-04-01T00:00:00Z';
const PAYMENT = { command: 'record-payment', tenantId: 't', currency: 'USD', paymentId: 'p', amount: '15', at: T };
let test: TestLedger;

beforeAll(async () => {
  test = await testLedger();
  await test.apply(
    { command: 'register-tenant', tenantId: 't', name: NAME, currency: 'USD' },
    { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'd', from: T },
    {
      command: 'publish-plan',
      planId: 'p',
      name: 'p',
      currency: 'USD',
      baseFee: '10',
      paymentTerm: 'in_advance',
      effectiveFrom: T,
      items: [],
    },
    { command: 'start-subscription', subscriptionId: 's', deploymentId: 'd', planId: 'p', from: T },
  );
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 't', asOf: T });
  const { invoices } = (created as unknown as { result: { invoices: { invoiceId: string }[] } }).result;
  await test.apply({ command: 'issue-invoice', invoiceId: invoices[0]?.invoiceId, at: T });
  const refund = { command: 'record-refund', tenantId: 't', currency: 'USD', refundId: 'r', amount: '1', at: T };
  await test.apply({ ...PAYMENT, reference: SAID }, { ...refund, paymentId: 'p', reference: SAID });
});
afterAll(async () => test.close());

describe('a tenant', () => {
  it('is found by the name that it had at a moment, until the name is erased', async () => {
    const register = { command: 'register-tenant', currency: 'USD' };
    await test.apply(
      { ...register, tenantId: 'grace', name: 'Grace Hopper' },
      { ...register, tenantId: 'other', name: 'GRACE HOPPER' },
      { ...register, tenantId: 'longer', name: 'Grace Hopper & Sons' },
    );
    const asOf = String(await test.app.get(LedgerCore).projector.catchUp());
    await test.apply({ command: 'correct-tenant', tenantId: 'grace', name: 'Grace Murray', reason: 'her own' });
    const found = async (question: object): Promise<string[]> =>
      (await test.ask<{ items: { tenantId: string }[] }>('tenants', { ...question })).items.map(
        ({ tenantId }) => tenantId,
      );
    const named = async (name: string, more: object = {}) => found({ name, ...more });
    // A part of the name or of the id: "Other" is an id, and "Hopper" in two names.
    expect(await found({ search: 'Hopper' })).toEqual(['longer', 'other']);
    expect(await found({ search: 'OTHE' })).toEqual(['other']);
    expect(await found({ search: 'race m' })).toEqual(['grace']);
    expect(await found({ search: 'hopper', asOf })).toEqual(['grace', 'longer', 'other']);
    // What is typed is text, and no pattern.
    expect(await found({ search: '%' })).toEqual([]);
    expect(await found({ search: 'hopper', name: 'grace hopper' })).toEqual(['other']);
    expect(await named('grace hopper')).toEqual(['other']);
    expect(await named('grace hopper', { asOf })).toEqual(['grace', 'other']);
    expect(await named('Grace Murray', { asOf })).toEqual([]);
    expect(await named('grace murray', { tenantId: 'grace' })).toEqual(['grace']);
    expect(await named('grace murray', { tenantId: 'other' })).toEqual([]);
    const pool = createPool(test.url);
    await pool.query("DELETE FROM ledgerline_private.tenant_details WHERE tenant_id = 'grace'");
    await pool.end();
    expect(await named('grace murray')).toEqual([]);
    expect(await found({ search: 'murray' })).toEqual([]);
    expect(await found({ search: 'grac' })).toEqual(['grace', 'longer', 'other']);
  });
});

describe('erasing a tenant’s details', () => {
  it('does not change the log, its roots, its checkpoints and its proofs', async () => {
    const audit = test.app.get(Audit);
    const signer = newSigner('ledgerline/test');
    const before = await audit.bundle('INV-000001', signer, ADMIN);
    const pool = createPool(test.url);
    const log = new PostgresLog(pool);
    try {
      const bytes: string[] = [];
      for await (const leaves of log.leaves()) bytes.push(...leaves.map((leaf) => leaf.bytes.toString('utf8')));
      expect(bytes.filter((each) => each.includes('Lovelace'))).toEqual([]);
      const { command: _command, ...paid } = PAYMENT;
      // Nor what anyone who guesses the name could compute from it, and find there.
      const guesses = [
        derivedId('tenant-details', 't', NAME),
        ...[
          NAME,
          SAID,
          canonicalJson({ name: 'record-payment', fields: { ...paid, reference: SAID } }),
          canonicalJson({
            name: 'register-tenant',
            fields: { tenantId: 't', name: NAME, currency: 'USD', timeZone: 'UTC' },
          }),
        ].map((each) => sha256(each)),
      ];
      expect(bytes.filter((each) => guesses.some((guess) => each.includes(guess)))).toEqual([]);

      const { rowCount } = await pool.query("DELETE FROM ledgerline_private.tenant_details WHERE tenant_id = 't'");
      expect(rowCount).toBe(1);
      const verified = await verifyLog(log, pool, {
        notes: [{ name: 'before', note: before.checkpoint }],
        verifier: signer.verifier,
      });
      expect(verified).toMatchObject({ ok: true, failures: [], compared: { checkpoints: 1, invoices: 1 } });
      const after = await audit.bundle('INV-000001', signer, ADMIN);
      expect([after.checkpoint, after.events]).toEqual([before.checkpoint, before.events]);
      expect(JSON.stringify(await test.ask('tenants'))).not.toContain('Lovelace');
      const asked = { tenantId: 't', start: T, end: '2026-05-01T00:00:00Z' };
      const said = async (): Promise<unknown[]> => {
        const { items } = await test.ask<{ items: { reference: string | null }[] }>('payments', { tenantId: 't' });
        const { entries } = await test.ask<{ entries: { reference: string | null }[] }>('statement', asked);
        return [...items, ...entries].map(({ reference }) => reference);
      };
      // The payment in the list; the invoice, the payment and the refund in the statement.
      expect(await said()).toEqual([SAID, null, SAID, SAID]);
      expect(await test.refused({ ...PAYMENT, reference: 'rent' })).toMatchObject({ code: 'conflicting_body' });
      expect(await test.refused(PAYMENT)).toMatchObject({ code: 'conflicting_body' });
      await pool.query("DELETE FROM ledgerline_private.texts WHERE tenant_id = 't'");
      expect(await said()).toEqual([null, null, null, null]);
      await test.apply({ ...PAYMENT, reference: 'rent' });
      // A repetition and a refusal store nothing.
      expect(await test.refused({ ...PAYMENT, reference: 'rent', tenantId: 'nobody' })).toMatchObject({
        ...{ code: 'unknown_tenant' },
      });
      const { rows } = await pool.query('SELECT tenant_id FROM ledgerline_private.texts');
      expect(rows).toEqual([]);
    } finally {
      await log.close();
      await pool.end();
    }
  });
});

describe('a tenant that is registered again', () => {
  const register = (name: string, more: object = {}) => ({
    command: 'register-tenant',
    tenantId: 'u',
    name,
    currency: 'USD',
    ...more,
  });
  const status = async (command: object) => {
    const outcome = await test.ledger.execute(command, ADMIN);
    return outcome.status === 'refused' ? outcome.error.code : outcome.status;
  };

  it('is compared by its name without a hash in the log, and after erasure by the other fields', async () => {
    expect([
      await status(register('Ada')),
      await status(register('Ada')),
      await status(register('Grace')),
      await status(register('Ada', { currency: 'EUR' })),
    ]).toEqual(['done', 'unchanged', 'conflicting_body', 'conflicting_body']);
    expect([
      await status(register('Ada', { idempotencyKey: 'k' })),
      await status(register('Grace', { idempotencyKey: 'k' })),
    ]).toEqual(['unchanged', 'conflicting_body']);
    const pool = createPool(test.url);
    try {
      const { rows } = await pool.query("SELECT name FROM ledgerline_private.tenant_details WHERE tenant_id = 'u'");
      expect(rows).toEqual([{ name: 'Ada' }]);
      await pool.query("DELETE FROM ledgerline_private.tenant_details WHERE tenant_id = 'u'");
    } finally {
      await pool.end();
    }
    expect([await status(register('Ada')), await status(register('Ada', { currency: 'EUR' }))]).toEqual([
      'unchanged',
      'conflicting_body',
    ]);
  });
});
