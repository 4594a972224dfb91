/** Makes a generator stop at once: `return` also aborts what the generator waits for. */
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
