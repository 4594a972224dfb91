/**
 * Works on all items at the same time. Each calls `inTurn` before it appends, which waits until all items before it
 * have called it or have ended. So the log holds the events in the order of the items.
 */
export async function inOrder<Item, Result>(
  items: readonly Item[],
  work: (item: Item, inTurn: () => Promise<void>) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  let turn = Promise.resolve();
  return Promise.allSettled(
    items.map(async (item) => {
      const mine = turn;
      const passed = Promise.withResolvers<void>();
      turn = passed.promise;
      const inTurn = async (): Promise<void> => {
        await mine;
        passed.resolve();
      };
      try {
        return await work(item, inTurn);
      } finally {
        await inTurn();
      }
    }),
  );
}

export function valueOf<Result>(settled: PromiseSettledResult<Result>): Result {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}
