import { FewInOrder } from '#operations/few-at-once';
import type { Crowd } from '../crowd.js';
import type { PlaceOfRequest } from '../places.js';

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

const withoutPlace: PlaceOfRequest = { pause: () => undefined, resume: async () => Promise.resolve() };

/**
 * Lets the queries within requests of GraphQL take turns. A request has one place, and may ask for a hundred pages: all
 * but its first queries run one at a time for their owner, with pauses while others need the time. It gives its place
 * back while all its queries wait for their turn or pause.
 */
export class Turns {
  private readonly long = new Map<string, { readonly turns: FewInOrder; users: number }>();

  constructor(private readonly crowd: Pick<Crowd, 'pauseAfter'>) {}

  of(owner: string, place = withoutPlace): RequestTurns {
    const turns = new FewInOrder(MOST_AT_ONCE);
    const work = new Work(place);
    let begun = 0;
    return {
      run: async (query) => {
        begun += 1;
        return begun <= MOST_AT_ONCE
          ? turns.run(async () => work.run(query))
          : this.inLongTurn(owner, turns, work, query);
      },
    };
  }

  private async inLongTurn<Result>(
    owner: string,
    own: FewInOrder,
    work: Work,
    query: () => Promise<Result>,
  ): Promise<Result> {
    const ofOwner = this.long.get(owner) ?? { turns: new FewInOrder(1), users: 0 };
    this.long.set(owner, ofOwner);
    ofOwner.users += 1;
    const { promise: answered, resolve, reject } = Promise.withResolvers<Result>();
    const answer = async (): Promise<number> => {
      const begun = performance.now();
      await query().then(resolve, reject);
      // Meanwhile its answer is made into fields.
      await new Promise((done) => setImmediate(done));
      return performance.now() - begun;
    };
    const inTurnOfOwner = async (): Promise<void> => {
      const pause = this.crowd.pauseAfter(await work.run(answer), owner);
      if (pause !== undefined) await work.waitFor(pause);
    };
    // The turn of the request comes first: its slow queries do not keep other requests from theirs.
    const ended = own.run(async () => work.waitFor(ofOwner.turns.run(inTurnOfOwner)));
    void ended.finally(() => {
      ofOwner.users -= 1;
      if (ofOwner.users === 0) this.long.delete(owner);
    });
    return answered;
  }
}

/** What the queries of a request do: while none of them works and one waits, it has no place. */
class Work {
  private working = 0;
  /** Also those that work now, in their turn. */
  private waiting = 0;
  /** Until the request has its place. */
  private place: Promise<void> | undefined = Promise.resolve();

  constructor(private readonly of: PlaceOfRequest) {}

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    this.working += 1;
    try {
      await (this.place ??= this.of.resume());
      return await work();
    } finally {
      this.working -= 1;
      this.giveBack();
    }
  }

  async waitFor(end: Promise<void>): Promise<void> {
    this.waiting += 1;
    this.giveBack();
    try {
      await end;
    } finally {
      this.waiting -= 1;
    }
  }

  /** Not at once: the next query of the request may begin. */
  private giveBack(): void {
    setImmediate(() => {
      if (this.working > 0 || this.waiting === 0 || this.place === undefined) return;
      this.place = undefined;
      this.of.pause();
    });
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
