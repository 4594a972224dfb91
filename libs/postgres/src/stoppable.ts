import { AsyncLocalStorage } from 'node:async_hooks';
import type pg from 'pg';

const stopping = new AsyncLocalStorage<AbortSignal>();

/** Runs work whose statements on a stoppable pool end when the signal aborts, and of which no further one begins. */
export const stoppedBy = async <Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> =>
  stopping.run(signal, work);

/** Runs work that is for others too: it does not end with the signal of whoever began it. */
export const forAll = <Result>(work: () => Result): Result => stopping.exit(work);

/** Work that others wait for too, such as projecting: it goes on, but who is stopped waits no longer. */
export async function unlessStopped<Result>(shared: () => Promise<Result>): Promise<Result> {
  const signal = stopping.getStore();
  const work = forAll(shared);
  if (signal === undefined) return work;
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (): void => {
    reject(signal.reason);
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * A statement is not cancelled before it has run for so long: cancelling costs more than a short statement, and a
 * client that hangs up at once could cause many.
 */
const SHORT_MS = 1000;

/** Makes a pool stoppable: see `stoppedBy`. `other`: a pool of the same database and user, for the cancellations. */
export function stoppable(pool: pg.Pool, other: pg.Pool): pg.Pool {
  const connect = pool.connect.bind(pool);
  const connected = async (): Promise<pg.PoolClient> => {
    const signal = stopping.getStore();
    signal?.throwIfAborted();
    const client = await connect();
    if (signal?.aborted === true) {
      client.release();
      throw signal.reason;
    }
    if (signal !== undefined) stopWith(signal, client, other);
    return client;
  };
  // The pool's own `query` waits for a connection with a callback, which runs in the context of whoever returns one.
  const query = async (...args: readonly unknown[]): Promise<unknown> => {
    const client = await connected();
    try {
      const send: (...all: readonly unknown[]) => unknown = client.query.bind(client);
      return await send(...args);
    } finally {
      client.release();
    }
  };
  return Object.assign(pool, { connect: connected, query });
}

function stopWith(signal: AbortSignal, client: pg.PoolClient, other: pg.Pool): void {
  const begun = performance.now();
  let timer: NodeJS.Timeout | null = null;
  let cancelling: Promise<unknown> | null = null;
  const cancel = (): void => {
    cancelling = other.query('SELECT pg_cancel_backend($1)', [Reflect.get(client, 'processID')]).catch(() => undefined);
  };
  const onAbort = (): void => {
    timer = setTimeout(cancel, Math.max(0, SHORT_MS - (performance.now() - begun)));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  const release = client.release.bind(client);
  client.release = (error) => {
    signal.removeEventListener('abort', onAbort);
    if (timer !== null) clearTimeout(timer);
    // The cancellation must not end the next statement: the connection is closed.
    if (cancelling === null) release(error);
    else
      void cancelling.finally(() => {
        release(true);
      });
  };
}
