import { type Instant, instant } from '#domain/time/instant';

/** The only place where the API reads the clock. Tests pass their own. */
export interface Clock {
  now(): Instant;
}

export const CLOCK = Symbol('clock');

export const systemClock: Clock = { now: () => instant(new Date().toISOString()) };
