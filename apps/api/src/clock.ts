import { type Instant, instant } from '#domain/time/instant';

/** The one place where the API looks at the clock; tests pass their own. */
export interface Clock {
  now(): Instant;
}

export const CLOCK = Symbol('clock');

export const systemClock: Clock = { now: () => instant(new Date().toISOString()) };
