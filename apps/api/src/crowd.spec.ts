import { describe, expect, it } from '@jest/globals';
import { Crowd, type Lane } from './crowd.js';

/** A crowd where two places in use are enough, and its clock. An owner has a quarter of a place at least. */
function crowded() {
  let now = 0;
  const crowd = new Crowd(2, () => now);
  const lane = crowd.lane('work', 0.25);
  const pass = (ms: number): void => {
    now += ms;
  };
  return { crowd, lane, pass };
}

/** The owner has so many requests at once, after one that took so long. */
function asks(lane: Lane, pass: (ms: number) => void, owner: string, { requests = 1, ms = 0 }): void {
  for (let n = 0; n < requests + 1; n += 1) lane.arrive(owner);
  const since = lane.enter(owner);
  pass(ms);
  lane.leave(owner, since);
}

/** Others hold so many places for so long that they count in full. */
function othersUse(lane: Lane, pass: (ms: number) => void, places: number): void {
  for (let n = 0; n < places; n += 1) {
    lane.arrive(`other ${n}`);
    lane.enter(`other ${n}`);
  }
  pass(60_000);
}

describe('a crowd', () => {
  it('lets everybody in who asks for little', () => {
    const { lane, pass } = crowded();
    // 10 × 200 = 2000 ms of work. One more would be much.
    asks(lane, pass, 'a', { requests: 10, ms: 200 });
    othersUse(lane, pass, 5);
    expect(lane.mustWait('a')).toBe(false);
    lane.enter('a');
    expect(lane.mustWait('a')).toBe(false);
  });

  it('gives who asks for much a quarter of a place while others are there', () => {
    const { lane, pass } = crowded();
    // 20 × 1000 ms of work
    asks(lane, pass, 'a', { requests: 20, ms: 1000 });
    othersUse(lane, pass, 2);
    expect(lane.mustWait('a')).toBe(false);
    const since = lane.enter('a');
    expect(lane.mustWait('a')).toBe(true);
    // 100 ms of a place, of which it was to have a quarter, are paid in 300 ms: 100 × 0.75 = 300 × 0.25
    lane.arrive('a');
    pass(100);
    lane.leave('a', since);
    expect(lane.mustWait('a')).toBe(true);
    pass(299);
    expect(lane.mustWait('a')).toBe(true);
    pass(1);
    expect(lane.mustWait('a')).toBe(false);
  });

  it('lets a long request be followed by the next after a few seconds', () => {
    const { lane, pass } = crowded();
    asks(lane, pass, 'a', { requests: 11, ms: 1000 });
    othersUse(lane, pass, 2);
    const since = lane.enter('a');
    lane.arrive('a');
    pass(60_000);
    lane.leave('a', since);
    // 1000 ms, paid by a quarter: 4 s
    pass(3999);
    expect(lane.mustWait('a')).toBe(true);
    pass(1);
    expect(lane.mustWait('a')).toBe(false);
  });

  it('gives who asks for much what is enough where nobody else is there', () => {
    const { lane, pass } = crowded();
    asks(lane, pass, 'a', { requests: 20, ms: 1000 });
    pass(60_000);
    // Nobody else is there: two places.
    lane.enter('a');
    expect(lane.mustWait('a')).toBe(false);
    lane.enter('a');
    expect(lane.mustWait('a')).toBe(true);
  });

  it('gives all who ask for much a quarter of a place together', () => {
    const { lane, pass } = crowded();
    for (const owner of ['a', 'b']) asks(lane, pass, owner, { requests: 20, ms: 1000 });
    othersUse(lane, pass, 2);
    const since = lane.enter('a');
    lane.arrive('a');
    pass(100);
    lane.leave('a', since);
    // An eighth each: 100 × 0.875 = 700 × 0.125
    pass(699);
    expect(lane.mustWait('a')).toBe(true);
    pass(1);
    expect(lane.mustWait('a')).toBe(false);
  });

  it('does not take requests for more work because all have become slow', () => {
    const { lane, pass } = crowded();
    asks(lane, pass, 'a', { requests: 4, ms: 100 });
    othersUse(lane, pass, 2);
    lane.arrive('a');
    const since = lane.enter('a');
    // 100 + (8000 - 100) × 0.05 = 495 ms, times 4 = 1980 ms
    pass(8000);
    lane.leave('a', since);
    lane.enter('a');
    expect(lane.mustWait('a')).toBe(false);
  });

  it('pauses after long work for as long as others need the time', async () => {
    const { lane, pass, crowd } = crowded();
    const paused = async (): Promise<number> => {
      const begun = performance.now();
      await crowd.pauseAfter(100, 'a');
      return performance.now() - begun;
    };
    othersUse(lane, pass, 2);
    // 0.3 places: 100 / 0.3 - 100 = 233 ms. A timer may be a millisecond early.
    expect(await paused()).toBeGreaterThan(230);
  });

  it('leaves what others do not use', () => {
    const { lane, pass } = crowded();
    asks(lane, pass, 'a', { requests: 20, ms: 1000 });
    othersUse(lane, pass, 1);
    // One of two.
    expect(lane.mustWait('a')).toBe(false);
    lane.enter('a');
    expect(lane.mustWait('a')).toBe(true);
  });

  it('does not count those who ask for much among the others', () => {
    const { lane, pass } = crowded();
    for (const owner of ['a', 'b']) {
      asks(lane, pass, owner, { requests: 20, ms: 1000 });
      lane.enter(owner);
      lane.enter(owner);
    }
    pass(60_000);
    asks(lane, pass, 'c', { requests: 20, ms: 1000 });
    pass(60_000);
    lane.enter('c');
    expect(lane.mustWait('c')).toBe(false);
  });
});
