import { describe, expect, it } from '@jest/globals';
import pino from 'pino';
import { DomainError, invalid } from '#domain/errors';
import { UnknownOutcome } from '#event-store/port';
import { Failures } from './failures.js';

describe('failures', () => {
  it('are logged: defects each time, outages and refusals once in ten seconds, with a count', () => {
    const lines: unknown[] = [];
    let now = 0;
    const logger = pino({ base: null, timestamp: false }, { write: (line) => void lines.push(JSON.parse(line)) });
    const failures = new Failures(logger, () => now);
    const late = new DomainError('position_not_reached', 'Position 7 was not projected.', 'unavailable');
    for (now = 0; now < 10_000; now += 1000) {
      expect(failures.log(late, 'a request failed').status).toBe(503);
      failures.log(new UnknownOutcome('no answer'), 'a request failed', { path: '/a' });
      failures.log(invalid('invalid_input', 'wrong'), 'a request failed');
    }
    failures.log(late, 'a request failed');
    failures.log(new Error('a defect'), 'a request failed');
    failures.log(new Error('a defect'), 'a request failed');
    const stack: unknown = expect.objectContaining({ stack: expect.any(String) });
    // 40 is warn, 50 is error. The nine others within the first ten seconds are counted in the next line.
    expect(lines).toEqual([
      { level: 40, code: 'position_not_reached', msg: 'a request failed' },
      { level: 50, code: 'outcome_unknown', path: '/a', err: stack, msg: 'a request failed' },
      { level: 40, code: 'position_not_reached', unlogged: 9, msg: 'a request failed' },
      { level: 50, err: stack, msg: 'a request failed' },
      { level: 50, err: stack, msg: 'a request failed' },
    ]);
  });

  it('are remembered by their code, until what failed works again or the time is over', () => {
    let now = 0;
    const failures = new Failures(pino({ enabled: false }), () => now);
    expect(failures.sawWithin('outcome_unknown', 1000)).toBe(false);
    failures.log(new UnknownOutcome('no answer'), 'a request failed');
    now = 999;
    expect(failures.sawWithin('outcome_unknown', 1000)).toBe(true);
    now = 1000;
    expect(failures.sawWithin('outcome_unknown', 1000)).toBe(false);
    failures.log(new UnknownOutcome('no answer'), 'a request failed');
    failures.forget('outcome_unknown');
    expect(failures.sawWithin('outcome_unknown', 1000)).toBe(false);
  });
});
