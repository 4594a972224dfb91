import { expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import type { Caller } from '#ledger/caller';
import { deployment, tenant } from '../../../../test/support/commands.js';
import { type TestLedger, testLedger } from '../../../../test/support/ledger.js';
import type { Evaluated } from '../watching/watch.js';
import { UNBILLABLE_WATCHED } from './evaluate-unbillable.js';

const observed = (billingKind: string) => ({
  ...{ command: 'observe-usage', deploymentId: 'd' },
  observations: [
    {
      ...{ resourceId: 'r', billingKind, granularity: 'event', quantity: '1' },
      period: { start: '2026-04-10T00:00:00Z', end: '2026-04-10T01:00:00Z' },
    },
  ],
});

async function evaluated({ core, ledger }: TestLedger, at: string, since: Evaluated | null) {
  await ledger.catchUp();
  const caller: Caller = { actor: 'scheduler', role: 'operator', now: instant(at) };
  const { said, ...done } = await UNBILLABLE_WATCHED.evaluate(core, caller, since);
  return { said, done };
}

it('looks after ten minutes for what is new, and each day', async () => {
  const test = await testLedger();
  try {
    await test.apply(tenant('t'), deployment('d', 't'), observed('zones'));
    const first = await evaluated(test, '2026-05-01T10:00:00Z', null);
    expect(first.said).toBe('unbillable: 1 found, 0 ended');
    await test.apply(observed('cores'));
    const soon = await evaluated(test, '2026-05-01T10:09:59Z', first.done);
    expect(soon).toEqual({ said: null, done: first.done });
    const second = await evaluated(test, '2026-05-01T10:10:00Z', soon.done);
    expect(second).toMatchObject({ said: 'unbillable: 1 found, 0 ended', done: { at: '2026-05-01T10:10:00Z' } });
    // Only what it recorded itself is new.
    const third = await evaluated(test, '2026-05-01T10:20:00Z', second.done);
    expect(third).toMatchObject({ said: null, done: { at: '2026-05-01T10:10:00Z' } });
    const nextDay = await evaluated(test, '2026-05-02T00:00:00Z', third.done);
    expect(nextDay).toMatchObject({ said: null, done: { at: '2026-05-02T00:00:00Z' } });
  } finally {
    await test.close();
  }
});
