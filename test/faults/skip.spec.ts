import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { NO_STREAM } from '#event-store/port';
import { tenant } from '../support/commands.js';
import { type TestLedger, testLedger } from '../support/ledger.js';
import { expectReplayToBeLive } from '../support/replay.js';

/** An event that a program of another version wrote: no projection here knows what to make of it. */
const POISON = { type: 'TenantRenamed', data: '{"tenantId":"t1"}', metadata: '{"actor":"a-later-version"}' };
/** One of a known type: a line is cut that was never opened. */
const IMPOSSIBLE = {
  type: 'LineSplit',
  data: JSON.stringify({
    lineId: '0d1c2b3a-4f5e-5d6c-8b7a-998877665544',
    at: instant('2026-04-05T00:00:00Z'),
    billedPartId: '1d1c2b3a-4f5e-5d6c-8b7a-998877665544',
    remainingPartId: '2d1c2b3a-4f5e-5d6c-8b7a-998877665544',
    invoiceId: '3d1c2b3a-4f5e-5d6c-8b7a-998877665544',
  }),
  metadata: '{"actor":"test"}',
};

describe('an event that can’t be applied', () => {
  let test: TestLedger;
  beforeEach(async () => {
    test = await testLedger();
    await test.apply(tenant('t1'));
    await test.ledger.catchUp();
  });
  afterEach(async () => test.close());

  const append = async (stream: string, event: typeof POISON): Promise<number> =>
    (await test.core.log.append(stream, NO_STREAM, [{ ...event, id: randomUUID() }])).position;

  it.each([
    ['is of an unknown type', POISON, 'codec', 'its type is unknown to this version'],
    ['contradicts what is projected', IMPOSSIBLE, 'invoice-lines', 'is split but was never opened'],
  ])(
    'because it %s: all earlier events are projected, and the status has its position and the reason',
    async (_, event, projection, reason) => {
      const position = await append('a-stream', event);
      await expect(test.ledger.catchUp()).rejects.toThrow(`halted at position ${position} (${projection})`);
      expect(await test.ask('projections')).toMatchObject({
        state: 'halted',
        halted: { position, projection, reason: expect.stringContaining(reason) },
        items: expect.arrayContaining([
          expect.objectContaining({ name: 'tenants', position: position - 1, head: position, lag: 1 }),
        ]),
      });
    },
  );

  it('is skipped by a decision with a reason, also in a rebuild', async () => {
    const position = await append('a-stream', IMPOSSIBLE);
    await expect(test.ledger.catchUp()).rejects.toThrow('halted');
    const command = { command: 'skip-event', position, reason: 'written by hand' };
    await test.apply(command);
    await test.apply(tenant('t2'));
    expect(await test.ask('tenants')).toMatchObject({ items: [{ tenantId: 't1' }, { tenantId: 't2' }] });
    expect(await test.ask('projections')).toMatchObject({ state: 'current', halted: null });
    expect((await test.apply(command))[0]).toMatchObject({ status: 'unchanged' });
    await expectReplayToBeLive(test.url);
    expect(await test.ledger.rebuilder.rebuild()).toMatchObject({ outcome: 'swapped' });
  });

  it('is the only kind that is skipped, not one that took effect or was not tried', async () => {
    await expect(test.apply({ command: 'skip-event', position: 1, reason: 'no' })).rejects.toThrow('not_halted');
    const position = await append('a-stream', POISON);
    await expect(test.apply({ command: 'skip-event', position: position + 1, reason: 'no' })).rejects.toThrow(
      `halted at position ${position}`,
    );
    expect((await test.apply({ command: 'skip-event', position, reason: 'of a later version' }))[0]).toMatchObject({
      status: 'done',
    });
  });
});
