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
    expect(statements).toEqual([[1, 2], [3, 4, 5]]);
    expect(await gathered.ask(6)).toBe(12);
    expect(statements.at(-1)).toEqual([6]);
  });

  it('asks no more than a hundred at once', async () => {
    const { gathered, statements } = doubled();
    await Promise.all(Array.from({ length: 250 }, async (_, question) => gathered.ask(question)));
    expect(statements.map(({ length }) => length)).toEqual([100, 100, 50]);
  });

  it('refuses the question alone that it is refused for', async () => {
    const { gathered } = doubled((question) => (question === 2 ? new Error('2 is refused') : undefined));
    expect(await Promise.allSettled([1, 2, 3].map(async (question) => gathered.ask(question)))).toMatchObject([{ value: 2 }, { reason: { message: '2 is refused' } }, { value: 6 }]);
  });

  it('refuses all where the database is away, and answers again once it is back', async () => {
    let isAway = true;
    const { gathered, statements } = doubled(() => (isAway ? Object.assign(new Error('away'), { code: 'ECONNREFUSED' }) : undefined));
    expect(await Promise.allSettled([1, 2].map(async (question) => gathered.ask(question)))).toMatchObject([{ reason: { message: 'away' } }, { reason: { message: 'away' } }]);
    isAway = false;
    expect(await gathered.ask(3)).toBe(6);
    expect(statements).toEqual([[1, 2], [3]]);
  });
});
