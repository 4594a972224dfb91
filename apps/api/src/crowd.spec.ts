import { describe, expect, it } from '@jest/globals';
import { Crowd } from './crowd.js';

/** A crowd where two places in use are enough, and its clock. An owner has a quarter of a place at least. */
function crowded() {
  let now = 0;
  const together = new Set<Crowd>();
  const crowd = new Crowd({ enough: 2, atLeast: 0.25 }, () => now, together);
  const beside = new Crowd({ enough: 2, atLeast: 1 }, () => now, together);
  const pass = (ms: number): void => {
    now += ms;
  };
  return { crowd, beside, pass };
}

/** The owner has so many requests at once, after one that took so long. */
function asks(crowd: Crowd, pass: (ms: number) => void, owner: string, { requests = 1, ms = 0 }): void {
  for (let n = 0; n < requests + 1; n += 1) crowd.arrive(owner);
  works(crowd, pass, owner, ms);
}

/** A request of the owner that arrived before has a place for so long. */
function works(crowd: Crowd, pass: (ms: number) => void, owner: string, ms: number): void {
  crowd.enter(owner);
  pass(ms);
  crowd.pause(owner);
  crowd.leave(owner, ms);
}

/** Others hold so many places for so long that they count in full. */
function othersUse(crowd: Crowd, pass: (ms: number) => void, places: number): void {
  for (let n = 0; n < places; n += 1) {
    crowd.arrive(`other ${n}`);
    crowd.enter(`other ${n}`);
  }
  pass(60_000);
}

describe('a crowd', () => {
  it('lets everybody in who asks for little', () => {
    const { crowd, pass } = crowded();
    // 10 × 200 = 2000 ms of work. One more would be much.
    asks(crowd, pass, 'a', { requests: 10, ms: 200 });
    othersUse(crowd, pass, 5);
    expect(crowd.mustWait('a')).toBe(false);
    crowd.enter('a');
    expect(crowd.mustWait('a')).toBe(false);
  });

  it('gives who asks for much a quarter of a place while others are there', () => {
    const { crowd, pass } = crowded();
    // 20 × 1000 ms of work
    asks(crowd, pass, 'a', { requests: 20, ms: 1000 });
    othersUse(crowd, pass, 2);
    expect(crowd.mustWait('a')).toBe(false);
    crowd.enter('a');
    expect(crowd.mustWait('a')).toBe(true);
    // 100 ms of a place, of which it was to have a quarter, are paid in 300 ms: 100 × 0.75 = 300 × 0.25
    crowd.arrive('a');
    pass(100);
    crowd.pause('a');
    crowd.leave('a', 100);
    expect(crowd.mustWait('a')).toBe(true);
    pass(299);
    expect(crowd.mustWait('a')).toBe(true);
    pass(1);
    expect(crowd.mustWait('a')).toBe(false);
  });

  it('lets a long request be followed by the next after a few seconds', () => {
    const { crowd, pass } = crowded();
    asks(crowd, pass, 'a', { requests: 11, ms: 1000 });
    othersUse(crowd, pass, 2);
    crowd.enter('a');
    crowd.arrive('a');
    pass(60_000);
    crowd.pause('a');
    crowd.leave('a', 60_000);
    // 1000 ms, paid by a quarter: 4 s
    pass(3999);
    expect(crowd.mustWait('a')).toBe(true);
    pass(1);
    expect(crowd.mustWait('a')).toBe(false);
  });

  it('gives who asks for much what is enough where nobody else is there', () => {
    const { crowd, pass } = crowded();
    asks(crowd, pass, 'a', { requests: 20, ms: 1000 });
    pass(60_000);
    // Nobody else is there: two places.
    crowd.enter('a');
    expect(crowd.mustWait('a')).toBe(false);
    crowd.enter('a');
    expect(crowd.mustWait('a')).toBe(true);
  });

  it('gives all who ask for much a quarter of a place together', () => {
    const { crowd, pass } = crowded();
    for (const owner of ['a', 'b']) asks(crowd, pass, owner, { requests: 20, ms: 1000 });
    othersUse(crowd, pass, 2);
    crowd.enter('a');
    crowd.arrive('a');
    pass(100);
    crowd.pause('a');
    crowd.leave('a', 100);
    // An eighth each: 100 × 0.875 = 700 × 0.125
    pass(699);
    expect(crowd.mustWait('a')).toBe(true);
    pass(1);
    expect(crowd.mustWait('a')).toBe(false);
  });

  it('does not take requests for more work because all have become slow', () => {
    const { crowd, pass } = crowded();
    asks(crowd, pass, 'a', { requests: 4, ms: 100 });
    othersUse(crowd, pass, 2);
    crowd.arrive('a');
    crowd.enter('a');
    // 100 + (8000 - 100) × 0.05 = 495 ms, times 4 = 1980 ms
    pass(8000);
    crowd.pause('a');
    crowd.leave('a', 8000);
    crowd.enter('a');
    expect(crowd.mustWait('a')).toBe(false);
  });

  it('pauses after long work for as long as others need the time', async () => {
    const { crowd, pass } = crowded();
    const paused = async (): Promise<number> => {
      const begun = performance.now();
      await crowd.pauseAfter(100, 'a');
      return performance.now() - begun;
    };
    othersUse(crowd, pass, 2);
    // A quarter of a place: 100 / 0.25 - 100 = 300 ms. A timer may be a millisecond early.
    expect(await paused()).toBeGreaterThan(297);
  });

  it('leaves what others do not use', () => {
    const { crowd, pass } = crowded();
    asks(crowd, pass, 'a', { requests: 20, ms: 1000 });
    othersUse(crowd, pass, 1);
    // One of two.
    expect(crowd.mustWait('a')).toBe(false);
    crowd.enter('a');
    expect(crowd.mustWait('a')).toBe(true);
  });

  it('leaves what others do not use in a crowd of the same database', () => {
    const { crowd, beside, pass } = crowded();
    asks(crowd, pass, 'a', { requests: 20, ms: 1000 });
    othersUse(beside, pass, 2);
    crowd.enter('a');
    expect(crowd.mustWait('a')).toBe(true);
    pass(100);
    crowd.pause('a');
    pass(299);
    expect(crowd.mustWait('a')).toBe(true);
    pass(1);
    expect(crowd.mustWait('a')).toBe(false);
  });

  it('does not count those who ask for much among the others', () => {
    const { crowd, pass } = crowded();
    for (const owner of ['a', 'b']) {
      asks(crowd, pass, owner, { requests: 20, ms: 1000 });
      crowd.enter(owner);
      crowd.enter(owner);
    }
    pass(60_000);
    asks(crowd, pass, 'c', { requests: 20, ms: 1000 });
    pass(60_000);
    crowd.enter('c');
    expect(crowd.mustWait('c')).toBe(false);
  });

  it('takes long requests for much work also where many short ones come with them', () => {
    const { crowd, pass } = crowded();
    for (let n = 0; n < 10; n += 1) crowd.arrive('a');
    othersUse(crowd, pass, 2);
    for (let round = 0; round < 10; round += 1) {
      for (let n = 0; n < 2; n += 1) {
        crowd.arrive('a');
        crowd.enter('a');
      }
      pass(1000);
      for (let n = 0; n < 2; n += 1) {
        crowd.pause('a');
        crowd.leave('a', 1000);
      }
      for (let n = 0; n < 20; n += 1) {
        crowd.arrive('a');
        works(crowd, pass, 'a', 1);
      }
    }
    // Its last twenty requests took 1 ms, and count a two thousandth each: some 990 ms × 11.
    expect(crowd.mustWait('a')).toBe(true);
  });

  it('does not take pauses for work', () => {
    const { crowd, pass } = crowded();
    asks(crowd, pass, 'a', { requests: 11, ms: 1000 });
    othersUse(crowd, pass, 2);
    crowd.enter('a');
    pass(100);
    crowd.pause('a');
    // 100 ms of a place, of which it was to have a quarter: 100 × 0.75 = 300 × 0.25
    pass(300);
    expect(crowd.mustWait('a')).toBe(false);
  });

  it('knows who was there a moment ago, however many others come', () => {
    const { crowd, pass } = crowded();
    othersUse(crowd, pass, 2);
    crowd.arrive('a');
    works(crowd, pass, 'a', 3000);
    const callers = (name: string): void => {
      for (let n = 0; n < 1001; n += 1) {
        crowd.arrive(`${name} ${n}`);
        works(crowd, pass, `${name} ${n}`, 1);
      }
    };
    callers('caller');
    // 3000 ms is much. It still has to make up for its place.
    crowd.arrive('a');
    expect(crowd.mustWait('a')).toBe(true);
    crowd.leave('a', undefined);
    pass(10_000);
    callers('later');
    crowd.arrive('a');
    expect(crowd.mustWait('a')).toBe(false);
  });
});
