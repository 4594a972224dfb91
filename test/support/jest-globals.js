/** `@jest/globals` for the specs: jest-light-runner sets these as globals of its process. */
export const { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } = globalThis;
