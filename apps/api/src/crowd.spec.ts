import { describe, expect, it } from '@jest/globals';
import { Crowd, type Lane } from './crowd.js';

/** A crowd where two places in use are enough, and its clock. An owner has a quarter of a place at least. */
function crowded() {
  let now = 0;
  const lane = new Crowd(2, () => now).lane('work', 0.25);
  const pass = (ms: number): void => {
    now += ms;
  };
  return { lane, pass };
}

/** The owner has so many requests at once, and learns that one takes so long: a fifth of it is in the average. */
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
    // 10 × 1000 × 0.2 = 2000 ms of work. One more would be much.
    asks(lane, pass, 'a', { requests: 10, ms: 1000 });
    othersUse(lane, pass, 5);
    expect(lane.mustWait('a')).toBe(false);
    lane.enter('a');
    expect(lane.mustWait('a')).toBe(false);
  });

  it('gives who asks for much a quarter of a place while others are there', () => {
    const { lane, pass } = crowded();
    // 20 × 1000 × 0.2 = 4000 ms of work
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

  it('lets a long request be followed by the next after ten seconds at most', () => {
    const { lane, pass } = crowded();
    asks(lane, pass, 'a', { requests: 11, ms: 1000 });
    othersUse(lane, pass, 2);
    const since = lane.enter('a');
    lane.arrive('a');
    pass(60_000);
    lane.leave('a', since);
    // 2500 ms, paid by a quarter: 10 s
    pass(9999);
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
