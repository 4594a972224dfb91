/**
 * Works on all items at the same time, but on each only after those before it that `afterOf` names. If one of them
 * failed, it fails too. Each calls `inTurn` before it appends, which waits until all items before it have called it or
 * have ended. So the log holds the events in the order of the items.
 */
export async function inOrder<Item, Result>(
  items: readonly Item[],
  work: (item: Item, inTurn: () => Promise<void>, index: number) => Promise<Result>,
  afterOf: (item: Item) => readonly number[] = () => [],
): Promise<PromiseSettledResult<Result>[]> {
  let turn = Promise.resolve();
  const begun: Promise<Result>[] = [];
  const begin = async (item: Item, index: number): Promise<Result> => {
    const mine = turn;
    const passed = Promise.withResolvers<void>();
    turn = passed.promise;
    const inTurn = async (): Promise<void> => {
      await mine;
      passed.resolve();
    };
    const earlier = new Set(afterOf(item));
    try {
      await Promise.all(begun.filter((_, place) => earlier.has(place)));
      return await work(item, inTurn, index);
    } finally {
      await inTurn();
    }
  };
  for (const [index, item] of items.entries()) begun.push(begin(item, index));
  return Promise.allSettled(begun);
}

export function valueOf<Result>(settled: PromiseSettledResult<Result>): Result {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}
