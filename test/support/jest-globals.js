import fc from 'fast-check';

// A property that fails says which expectation failed, not its counterexample alone.
fc.configureGlobal({ includeErrorInReport: true });

/** `@jest/globals` for the specs: jest-light-runner sets these as globals of its process. */
export const { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } = globalThis;
