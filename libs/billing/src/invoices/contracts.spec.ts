import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deployment, plan, subscription, tenant } from '../../../../test/support/commands.js';
import { type TestLedger, testLedger } from '../../../../test/support/ledger.js';
import { instant } from '#domain/time/instant';
import { accountsOf, tenantAccount } from './accounts.js';
import { linesOfTenant, readLines } from './contracts.js';

const MAY = instant('2026-05-01T00:00:00Z');
const tax = (ratePercent: string, from: string) => ({
  command: 'set-tax',
  ...{ tenantId: 't', name: 'VAT', ratePercent, from },
});

let test: TestLedger;
/** After each step, the log position that it reached. */
let [registered, taxed, subscribed, moved]: [number, number, number, number] = [0, 0, 0, 0];
beforeAll(async () => {
  test = await testLedger();
  const reached = async (...commands: object[]): Promise<number> => {
    await test.apply(...commands);
    return test.core.projector.catchUp();
  };
  registered = await reached(tenant('t'), tenant('u'), plan('p', '50.00', []));
  taxed = await reached(tax('20', '2026-01-01T00:00:00Z'), tax('21', '2026-05-01T00:00:00Z'));
  subscribed = await reached(deployment('d', 't'), subscription('s', 'd', 'p'));
  moved = await reached({
    command: 'assign-deployment',
    deploymentId: 'd',
    tenantId: 'u',
    from: '2026-04-16T00:00:00Z',
  });
});
afterAll(async () => test.close());

describe('accounts', () => {
  it('are as known at their own positions, read together', async () => {
    const positions = [registered, taxed, moved];
    const accounts = await accountsOf(
      test.core,
      positions.map((position) => ({ tenantId: 't', position })),
    );
    expect(positions.map((position) => accounts({ tenantId: 't', position }).taxes)).toEqual([
      [],
      ...[taxed, moved].map(() => [
        { name: 'VAT', ratePercent: '20', from: '2026-01-01T00:00:00Z' },
        { name: 'VAT', ratePercent: '21', from: '2026-05-01T00:00:00Z' },
      ]),
    ]);
  });

  it('are unknown before the tenant was registered', async () => {
    await expect(tenantAccount(test.core, 0, 't')).rejects.toMatchObject({ code: 'unknown_tenant' });
    await expect(tenantAccount(test.core, moved, 'v')).rejects.toMatchObject({ code: 'unknown_tenant' });
  });
});

describe('lines', () => {
  const linesAt = async (tenantId: string, position: number) =>
    linesOfTenant(test.core, position, await tenantAccount(test.core, position, tenantId), MAY);
  const periods = (lines: Awaited<ReturnType<typeof linesAt>>) =>
    lines.map(({ period: { start, end } }) => `${start.slice(0, 10)} ${end.slice(0, 10)}`);

  it('are those of the contracts that were known at the position', async () => {
    expect(periods(await linesAt('t', taxed))).toEqual([]);
    // The fee of April, and that of May, which is due in advance on 1 May.
    expect(periods(await linesAt('t', subscribed))).toEqual(['2026-04-01 2026-05-01', '2026-05-01 2026-06-01']);
    expect(periods(await linesAt('u', subscribed))).toEqual([]);
  });

  it('end and begin where the deployment is assigned to another tenant', async () => {
    expect(periods(await linesAt('t', moved))).toEqual(['2026-04-01 2026-04-16']);
    expect(periods(await linesAt('u', moved))).toEqual(['2026-04-16 2026-05-01', '2026-05-01 2026-06-01']);
  });

  it('are the same read for several tenants and positions at once', async () => {
    const lines = await readLines(test.core, { first: taxed, last: moved }, ['t', 'u']);
    for (const tenantId of ['t', 'u'])
      for (const position of [taxed, subscribed, moved]) {
        const account = await tenantAccount(test.core, position, tenantId);
        expect(lines({ account, position, until: MAY })).toEqual(await linesAt(tenantId, position));
      }
  });
});
