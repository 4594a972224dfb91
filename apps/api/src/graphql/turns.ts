/** Queries to the ledger that one request runs at the same time: fewer than the connections that all requests share. */
const MOST_AT_ONCE = 3;

/** Only an answer of the ledger takes a turn, never what waits for other answers: turns do not wait for each other. */
class Turns {
  private running = 0;
  private readonly line: (() => void)[] = [];

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.running < MOST_AT_ONCE) this.running += 1;
    else await new Promise<void>((resolve) => this.line.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.line.shift();
      if (next === undefined) this.running -= 1;
      else next();
    }
  }
}

const ofContext = new WeakMap<object, Turns>();

/** Runs a query to the ledger in its turn among those of the same request, which the context stands for. */
export async function inTurn<Result>(context: object, work: () => Promise<Result>): Promise<Result> {
  const turns = ofContext.get(context) ?? new Turns();
  ofContext.set(context, turns);
  return turns.run(work);
}
