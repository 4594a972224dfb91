import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { history } from '../support/history.js';
import { type TestLedger, testLedger } from '../support/ledger.js';
import { expectReplayToBeLive } from '../support/replay.js';

describe('a replay from nothing', () => {
  let test: TestLedger;
  beforeAll(async () => {
    test = await testLedger();
    await history(test);
  });
  afterAll(async () => test.close());

  it('gives the live read models, row for row and version for version', async () => {
    await test.ledger.catchUp();
    // Live was projected command by command, the replay in one batch: what a table is must not depend on that.
    const counts = await expectReplayToBeLive(test.url);
    // The history has something of everything but metering by the hour.
    expect([...counts].filter(([, rows]) => rows === 0).map(([name]) => name)).toEqual(['metering_configurations']);
  });
});
