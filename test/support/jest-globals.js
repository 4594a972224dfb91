import fc from 'fast-check';

// A property that fails says which expectation failed, not its counterexample alone.
fc.configureGlobal({ includeErrorInReport: true });

/**
 * A spec may await a promise only after it was rejected: that is late, and not never. Node would end the process at
 * once, and with it the specs that come after. What nobody handles still ends it.
 */
const PATIENCE_MS = 60_000;
const unhandled = new Map();
process.on('unhandledRejection', (reason, promise) => {
  const giveUp = () => {
    throw reason;
  };
  unhandled.set(promise, setTimeout(giveUp, PATIENCE_MS));
});
process.on('rejectionHandled', (promise) => {
  clearTimeout(unhandled.get(promise));
  unhandled.delete(promise);
});

/** `@jest/globals` for the specs: jest-light-runner sets these as globals of its process. */
export const { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } = globalThis;
