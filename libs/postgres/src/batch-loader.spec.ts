import { describe, expect, it } from '@jest/globals';
import { BatchLoader, sharedRead } from './batch-loader.js';

/** Returns twice the number, one turn later. `statements`: the keys of each batch. */
const doubled = (refuses: (question: number) => Error | undefined = () => undefined) => {
  const statements: number[][] = [];
  const loader = new BatchLoader<number, number>(async (questions) => {
    statements.push([...questions]);
    await new Promise((resolve) => setImmediate(resolve));
    const refusal = questions.map(refuses).find((error) => error !== undefined);
    if (refusal !== undefined) throw refusal;
    return questions.map((question) => question * 2);
  });
  return { loader, statements };
};

describe('a batch loader', () => {
  it('loads keys of one turn together, and keys that arrive during a batch, each with its own value', async () => {
    const { loader, statements } = doubled();
    const first = [1, 2].map(async (question) => loader.load(question));
    await Promise.resolve();
    await Promise.resolve();
    const later = [3, 4, 5].map(async (question) => loader.load(question));
    expect(await Promise.all([...first, ...later])).toEqual([2, 4, 6, 8, 10]);
    expect(statements).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    expect(await loader.load(6)).toBe(12);
    expect(statements.at(-1)).toEqual([6]);
  });

  it('limits the size of a batch, and loads a large key separately without waiting', async () => {
    const statements: number[][] = [];
    const loader = new BatchLoader<number, number>(
      async (questions) => {
        statements.push([...questions]);
        await new Promise((resolve) => setImmediate(resolve));
        return questions;
      },
      (size) => size,
    );
    // 1000 together: 90 × 11 = 990. 100 and more are loaded separately.
    const sizes = [...Array.from({ length: 12 }, () => 90), 100, 5000];
    expect(await Promise.all(sizes.map(async (size) => loader.load(size)))).toEqual(sizes);
    expect(statements).toEqual([[100], [5000], Array.from({ length: 11 }, () => 90), [90]]);
  });

  it('fails only for the key that fails', async () => {
    const { loader } = doubled((question) => (question === 2 ? new Error('2 is refused') : undefined));
    expect(await Promise.allSettled([1, 2, 3].map(async (question) => loader.load(question)))).toMatchObject([
      { value: 2 },
      { reason: { message: '2 is refused' } },
      { value: 6 },
    ]);
  });

  it('loads each key separately if the batch timed out', async () => {
    const { loader, statements } = doubled((question) =>
      question === 2
        ? Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' })
        : undefined,
    );
    expect(await Promise.allSettled([1, 2, 3].map(async (question) => loader.load(question)))).toMatchObject([
      { value: 2 },
      { reason: { code: '57014' } },
      { value: 6 },
    ]);
    expect(statements).toEqual([[1, 2, 3], [1], [2], [3]]);
    // A later key does not wait for them.
    const [slow, next] = [loader.load(2).catch(() => 'refused'), loader.load(4)];
    expect(await Promise.all([slow, next])).toEqual(['refused', 8]);
  });

  it('loads halves one after the other if Postgres had too little memory, so that only the culprit fails', async () => {
    const { loader, statements } = doubled((question) =>
      question === 3 ? Object.assign(new Error('out of memory'), { code: '53200' }) : undefined,
    );
    expect(await Promise.allSettled([1, 2, 3, 4, 5].map(async (question) => loader.load(question)))).toMatchObject([
      ...[{ value: 2 }, { value: 4 }],
      { reason: { code: '53200' } },
      ...[{ value: 8 }, { value: 10 }],
    ]);
    expect(statements).toEqual([[1, 2, 3, 4, 5], [1, 2, 3], [1, 2], [3], [4, 5]]);
  });

  it('fails for all keys during an outage of the database, and loads again after it', async () => {
    let isAway = true;
    const { loader, statements } = doubled(() =>
      isAway ? Object.assign(new Error('away'), { code: 'ECONNREFUSED' }) : undefined,
    );
    expect(await Promise.allSettled([1, 2].map(async (question) => loader.load(question)))).toMatchObject([
      { reason: { message: 'away' } },
      { reason: { message: 'away' } },
    ]);
    isAway = false;
    expect(await loader.load(3)).toBe(6);
    expect(statements).toEqual([[1, 2], [3]]);
  });
});

describe('a shared read', () => {
  it('is one for all who ask at the same time, and begins after each of them asked', async () => {
    let reads = 0;
    const read = sharedRead(async () => {
      const value = (reads += 1);
      await new Promise((resolve) => setImmediate(resolve));
      return value;
    });
    const first = [read(), read()];
    await Promise.resolve();
    await Promise.resolve();
    // The first read is under way: it may have read before this one asked.
    expect(await Promise.all([...first, read(), read()])).toEqual([1, 1, 2, 2]);
  });
});
