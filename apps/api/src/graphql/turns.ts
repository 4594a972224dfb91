import { FewInOrder } from '#operations/few-at-once';

/** Queries to the ledger that one request runs at the same time: fewer than the connections that all requests share. */
const MOST_AT_ONCE = 3;

const ofContext = new WeakMap<object, FewInOrder>();

/**
 * Runs a query to the ledger in its turn among those of the same request, which the context stands for. Only an answer
 * of the ledger takes a turn, never what waits for other answers: turns do not wait for each other.
 */
export async function inTurn<Result>(context: object, work: () => Promise<Result>): Promise<Result> {
  const turns = ofContext.get(context) ?? new FewInOrder(MOST_AT_ONCE);
  ofContext.set(context, turns);
  return turns.run(work);
}
