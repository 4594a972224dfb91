import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { tenant } from '../../../../test/support/commands.js';
import { onPostgres, type TestLedger } from '../../../../test/support/ledger.js';
import { instant } from '#domain/time/instant';
import { type Evaluated, watch, type Watched } from './watch.js';

const NOON = instant('2026-06-01T12:00:00Z');

describe('what a worker watches', () => {
  let test: TestLedger;
  beforeEach(async () => {
    test = await onPostgres();
    await test.apply(tenant('t'));
    await test.ledger.catchUp();
  });
  afterEach(async () => test.close());

  it('is looked at again when its read models were exchanged, though at the same position', async () => {
    const since: (Evaluated | null)[] = [];
    const watched: Watched = {
      name: 'spec',
      evaluate: async (core, caller, after) => {
        since.push(after);
        return { position: await core.projector.position(), at: caller.now, said: null };
      },
    };
    const working = new AbortController();
    let looks = 0;
    const now = () => {
      looks += 1;
      return NOON;
    };
    const lookedBeyond = async (before: number): Promise<void> => {
      while (looks < before + 2) await new Promise(setImmediate);
    };
    const ended = watch(test.core, watched, { signal: working.signal, now, report: () => undefined });
    try {
      await lookedBeyond(0);
      expect(since).toEqual([null]);
      const position = await test.core.projector.position();
      await test.ledger.rebuilder.rebuild({ accept: true });
      expect(await test.core.projector.position()).toBe(position);
      await lookedBeyond(looks);
      expect(since).toEqual([null, expect.objectContaining({ position, at: NOON })]);
    } finally {
      working.abort();
      await ended;
    }
  });
});
