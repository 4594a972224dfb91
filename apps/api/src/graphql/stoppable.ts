/** A generator that waits for its next value ends only with that; told to stop, this one also ends what it waits for. */
export function stoppable<Value>(source: (signal: AbortSignal) => AsyncGenerator<Value>): AsyncIterableIterator<Value> {
  const stopping = new AbortController();
  const values = source(stopping.signal);
  return {
    next: () => values.next(),
    return: () => {
      stopping.abort();
      return values.return(undefined);
    },
    throw: (error: unknown) => {
      stopping.abort();
      return values.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
