import { expect, it } from '@jest/globals';
import { FROM_EVER } from '#domain/time/instant';
import type { StoredEvent } from '#event-store/port';
import { batched } from './batches.js';

const event = (position: number, data = '{}'): StoredEvent => ({
  id: '',
  stream: 's',
  revision: position - 1,
  position,
  type: 'X',
  data,
  metadata: '{}',
  recordedAt: FROM_EVER,
});

async function positionsOf(events: AsyncIterable<StoredEvent>, maxBytes?: number): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const batch of batched(events, maxBytes)) batches.push(batch.map(({ position }) => position));
  return batches;
}

async function* at(...positions: readonly number[]): AsyncIterable<StoredEvent> {
  for (const position of positions) yield event(position, 'x'.repeat(10));
}

it('reads the available events as one batch of at most 1000', async () => {
  const all = Array.from({ length: 1001 }, (_, index) => index + 1);
  expect(await positionsOf(at(...all))).toEqual([all.slice(0, 1000), [1001]]);
});

it('ends a batch with the event that reaches the size', async () => {
  // 10 + 10 reaches 20.
  expect(await positionsOf(at(1, 2, 3, 4, 5), 20)).toEqual([[1, 2], [3, 4], [5]]);
});

it('does not wait for an event that is not there yet', async () => {
  const gate = Promise.withResolvers<void>();
  async function* slow(): AsyncIterable<StoredEvent> {
    yield event(1);
    await gate.promise;
    yield event(2);
  }
  const batches: number[][] = [];
  for await (const batch of batched(slow())) {
    batches.push(batch.map(({ position }) => position));
    gate.resolve();
  }
  expect(batches).toEqual([[1], [2]]);
});
