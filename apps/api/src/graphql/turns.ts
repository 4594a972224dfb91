import { FewInOrder } from '#operations/few-at-once';
import type { Crowd } from '../crowd.js';

/** Queries to the ledger that one request runs at the same time: fewer than the connections that all requests share. */
const MOST_AT_ONCE = 3;

/** The turns of a request. */
export interface RequestTurns {
  /**
   * Runs a query to the ledger in its turn. Only an answer of the ledger takes a turn, never what waits for other
   * answers: turns do not wait for each other.
   */
  run<Result>(work: () => Promise<Result>): Promise<Result>;
}

/**
 * Lets the queries within requests of GraphQL take turns. A request has one place, and may ask for a hundred pages: all
 * but its first queries run one at a time for their owner, with pauses while others need the time.
 */
export class Turns {
  private readonly long = new Map<string, FewInOrder>();

  constructor(private readonly crowd: Pick<Crowd, 'pauseAfter'>) {}

  of(owner: string): RequestTurns {
    const turns = new FewInOrder(MOST_AT_ONCE);
    let begun = 0;
    return {
      run: async (work) => {
        begun += 1;
        return begun <= MOST_AT_ONCE ? turns.run(work) : this.inLongTurn(owner, turns, work);
      },
    };
  }

  private async inLongTurn<Result>(owner: string, own: FewInOrder, work: () => Promise<Result>): Promise<Result> {
    const turns = this.long.get(owner) ?? new FewInOrder(1);
    this.long.set(owner, turns);
    const { promise: answered, resolve, reject } = Promise.withResolvers<Result>();
    const answer = async (): Promise<number> => {
      const begun = performance.now();
      await work().then(resolve, reject);
      // Meanwhile its answer is made into fields.
      await new Promise((done) => setImmediate(done));
      return performance.now() - begun;
    };
    // The turn of the request comes first: its slow queries do not keep other requests from theirs.
    const ended = own.run(async () => turns.run(async () => this.crowd.pauseAfter(await answer(), owner)));
    void ended.finally(() => {
      if (turns.isIdle) this.long.delete(owner);
    });
    return answered;
  }
}

const ofContext = new WeakMap<object, RequestTurns>();

/** Runs a query in its turn among those of the same request, or of the same subscription, which the context is for. */
export async function inTurn<Result>(
  context: { readonly turns?: RequestTurns },
  work: () => Promise<Result>,
): Promise<Result> {
  const turns = context.turns ?? ofContext.get(context) ?? new FewInOrder(MOST_AT_ONCE);
  ofContext.set(context, turns);
  return turns.run(work);
}
