/**
 * Works on all items at once; each calls `inTurn` before it appends, and goes on when all before it have got there, or have ended. The
 * log takes appends in the order in which they are made, so that it holds them in the order of the items.
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
