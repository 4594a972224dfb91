import { describe, expect, it } from '@jest/globals';
import { Gathered } from './gathered.js';

/** Answers twice a number, a turn later; `statements`: what it was asked at once. */
const doubled = (refuses: (question: number) => Error | undefined = () => undefined) => {
  const statements: number[][] = [];
  const gathered = new Gathered<number, number>(async (questions) => {
    statements.push([...questions]);
    await new Promise((resolve) => setImmediate(resolve));
    const refusal = questions.map(refuses).find((error) => error !== undefined);
    if (refusal !== undefined) throw refusal;
    return questions.map((question) => question * 2);
  });
  return { gathered, statements };
};

describe('gathered look-ups', () => {
  it('asks at once what is asked in one go, and what is asked meanwhile, each with its own answer', async () => {
    const { gathered, statements } = doubled();
    const first = [1, 2].map(async (question) => gathered.ask(question));
    await Promise.resolve();
    await Promise.resolve();
    const later = [3, 4, 5].map(async (question) => gathered.ask(question));
    expect(await Promise.all([...first, ...later])).toEqual([2, 4, 6, 8, 10]);
    expect(statements).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    expect(await gathered.ask(6)).toBe(12);
    expect(statements.at(-1)).toEqual([6]);
  });

  it('asks no more than so much at once, and what is large by itself, without waiting', async () => {
    const statements: number[][] = [];
    const gathered = new Gathered<number, number>(
      async (questions) => {
        statements.push([...questions]);
        await new Promise((resolve) => setImmediate(resolve));
        return questions;
      },
      (size) => size,
    );
    // 1000 at once: 90 × 11 = 990; 100 and more alone.
    const sizes = [...Array.from({ length: 12 }, () => 90), 100, 5000];
    expect(await Promise.all(sizes.map(async (size) => gathered.ask(size)))).toEqual(sizes);
    expect(statements).toEqual([[100], [5000], Array.from({ length: 11 }, () => 90), [90]]);
  });

  it('refuses the question alone that it is refused for', async () => {
    const { gathered } = doubled((question) => (question === 2 ? new Error('2 is refused') : undefined));
    expect(await Promise.allSettled([1, 2, 3].map(async (question) => gathered.ask(question)))).toMatchObject([
      { value: 2 },
      { reason: { message: '2 is refused' } },
      { value: 6 },
    ]);
  });

  it('asks each again by itself where they took too long together', async () => {
    const { gathered, statements } = doubled((question) =>
      question === 2
        ? Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' })
        : undefined,
    );
    expect(await Promise.allSettled([1, 2, 3].map(async (question) => gathered.ask(question)))).toMatchObject([
      { value: 2 },
      { reason: { code: '57014' } },
      { value: 6 },
    ]);
    expect(statements).toEqual([[1, 2, 3], [1], [2], [3]]);
    // Who comes meanwhile does not wait for them.
    const [slow, next] = [gathered.ask(2).catch(() => 'refused'), gathered.ask(4)];
    expect(await Promise.all([slow, next])).toEqual(['refused', 8]);
  });

  it('refuses all where the database is away, and answers again once it is back', async () => {
    let isAway = true;
    const { gathered, statements } = doubled(() =>
      isAway ? Object.assign(new Error('away'), { code: 'ECONNREFUSED' }) : undefined,
    );
    expect(await Promise.allSettled([1, 2].map(async (question) => gathered.ask(question)))).toMatchObject([
      { reason: { message: 'away' } },
      { reason: { message: 'away' } },
    ]);
    isAway = false;
    expect(await gathered.ask(3)).toBe(6);
    expect(statements).toEqual([[1, 2], [3]]);
  });
});
