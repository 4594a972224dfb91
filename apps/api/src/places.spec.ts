import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import type { Role } from '#ledger/caller';
import { Turns } from './graphql/turns.js';
import { type Applicant, Places } from './places.js';
import { QueryLimits } from './query-limits.js';

/** Names those who have entered, in their order. */
function withPlaces(all: number, perOwner: number, reserved: readonly (readonly [Role, number])[] = []) {
  const entered: string[] = [];
  const places = new Places({ all, reserved: new Map(reserved) });
  const ask = (name: string, owner: string, role: Role = 'tenant', weight = 1): Applicant => {
    const applicant = { role, owner, share: perOwner, weight, enter: () => void entered.push(name) };
    places.ask(applicant);
    return applicant;
  };
  return { places, entered, ask };
}

describe('places', () => {
  it('are taken up to their number, and go to those who wait in their order', () => {
    const { places, entered, ask } = withPlaces(2, 2);
    const [a, , c] = [ask('a', 'A'), ask('b', 'B'), ask('c', 'C'), ask('d', 'D')];
    expect(entered).toEqual(['a', 'b']);
    expect(places.isFull(c)).toBe(true);
    places.leave(a);
    expect(entered).toEqual(['a', 'b', 'c']);
    // To leave twice gives back one place.
    places.leave(a);
    expect(entered).toEqual(['a', 'b', 'c']);
  });

  it('are not kept by one who leaves the line', () => {
    const { places, entered, ask } = withPlaces(1, 1);
    const [a, b] = [ask('a', 'A'), ask('b', 'B'), ask('c', 'C')];
    places.leave(b);
    places.leave(a);
    expect(entered).toEqual(['a', 'c']);
  });

  it('are shared: one owner has at most its share, and others pass it in the line', () => {
    const { places, entered, ask } = withPlaces(4, 2);
    const [first, , third] = [ask('a1', 'A'), ask('a2', 'A'), ask('a3', 'A'), ask('b1', 'B')];
    expect(entered).toEqual(['a1', 'a2', 'b1']);
    expect(places.isFull(third)).toBe(false);
    places.leave(first);
    expect(entered).toEqual(['a1', 'a2', 'b1', 'a3']);
  });

  it('are taken by weight from the share of an owner, and one by one from those of all', () => {
    const { places, entered, ask } = withPlaces(3, 2);
    const [heavy] = [ask('a1', 'A', 'tenant', 2), ask('a2', 'A'), ask('b1', 'B'), ask('c1', 'C')];
    expect(entered).toEqual(['a1', 'b1', 'c1']);
    places.leave(heavy);
    expect(entered).toEqual(['a1', 'b1', 'c1', 'a2']);
  });

  it('go to the owner with the fewest first', () => {
    const { places, entered, ask } = withPlaces(3, 3);
    const [a1] = [ask('a1', 'A'), ask('a2', 'A'), ask('c1', 'C'), ask('a3', 'A'), ask('c2', 'C'), ask('b1', 'B')];
    places.leave(a1);
    // A and C have one each and have waited longer; B has none.
    expect(entered).toEqual(['a1', 'a2', 'c1', 'b1']);
  });

  it('are kept free for the roles that have some of their own', () => {
    const { places, entered, ask } = withPlaces(4, 4, [
      ['platform_admin', 1],
      ['ingest', 1],
    ]);
    const [, second] = [ask('t1', 'T'), ask('t2', 'T'), ask('t3', 'T')];
    expect(entered).toEqual(['t1', 't2']);
    const ingest = ask('i1', 'I', 'ingest');
    // One of ingest is over its own, and the last free one is the administrator's.
    ask('i2', 'I', 'ingest');
    ask('p1', 'P', 'platform_admin');
    expect(entered).toEqual(['t1', 't2', 'i1', 'p1']);
    places.leave(ingest);
    // What ingest gives back, ingest takes again.
    expect(entered).toEqual(['t1', 't2', 'i1', 'p1', 'i2']);
    places.leave(second);
    expect(entered).toEqual(['t1', 't2', 'i1', 'p1', 'i2', 't3']);
  });

  it('all go to one role while the others need fewer than theirs', () => {
    const { entered, ask } = withPlaces(3, 3, [['ingest', 2]]);
    for (const name of ['i1', 'i2', 'i3']) ask(name, 'I', 'ingest');
    expect(entered).toEqual(['i1', 'i2', 'i3']);
  });

  it('are given to others in a pause, and count in the share of the owner', () => {
    const { places, entered, ask } = withPlaces(2, 1);
    const [a] = [ask('a1', 'A'), ask('b1', 'B'), ask('a2', 'A'), ask('c1', 'C')];
    expect(entered).toEqual(['a1', 'b1']);
    places.pause(a);
    expect(entered).toEqual(['a1', 'b1', 'c1']);
    places.resume(a);
    expect(entered).toEqual(['a1', 'b1', 'c1']);
    places.leave(a);
    // It left in its pause: a2 may come when a place is free.
    expect(places.resume(a)).toBe(false);
    expect(entered).toEqual(['a1', 'b1', 'c1']);
  });

  it('are taken again after a pause, before those who came later', () => {
    const { places, entered, ask } = withPlaces(1, 1);
    const [a, b] = [ask('a1', 'A'), ask('b1', 'B')];
    places.pause(a);
    expect(entered).toEqual(['a1', 'b1']);
    expect(places.resume(a)).toBe(true);
    ask('c1', 'C');
    places.leave(b);
    expect(entered).toEqual(['a1', 'b1', 'a1']);
    places.leave(a);
    expect(entered).toEqual(['a1', 'b1', 'a1', 'c1']);
    expect(places.isFull({ role: 'tenant' })).toBe(true);
  });

  it('are waited for by a heavier request before later ones of its owner', () => {
    const { places, entered, ask } = withPlaces(4, 2);
    const [short] = [ask('a1', 'A'), ask('long', 'A', 'tenant', 2), ask('a2', 'A'), ask('b1', 'B')];
    expect(entered).toEqual(['a1', 'b1']);
    places.leave(short);
    expect(entered).toEqual(['a1', 'b1', 'long']);
  });

  it('are not kept from an administrator by its own requests in another role', () => {
    const { places, entered, ask } = withPlaces(3, 3, [['platform_admin', 1]]);
    const [first] = [ask('o1', 'A', 'operator'), ask('o2', 'A', 'operator'), ask('o3', 'A', 'operator')];
    const admin = ask('p1', 'A', 'platform_admin');
    expect(entered).toEqual(['o1', 'o2', 'p1']);
    ask('p2', 'A', 'platform_admin');
    places.leave(admin);
    expect(entered).toEqual(['o1', 'o2', 'p1', 'p2']);
    places.leave(first);
    expect(entered).toEqual(['o1', 'o2', 'p1', 'p2', 'o3']);
  });
});

/** Lets everything happen that waits for nothing. */
const settled = async (): Promise<void> => {
  for (let n = 0; n < 10; n += 1) await new Promise((done) => setImmediate(done));
};

/** A request of GraphQL of the owner, with what became of its place, and its queries, which end when they are told. */
function requestOf(turns: Turns, owner: string) {
  const [told, begun]: [string[], (() => void)[]] = [[], []];
  const request = turns.of(owner, {
    pause: () => void told.push('gave it back'),
    resume: async () => {
      told.push('took it');
      return Promise.resolve();
    },
  });
  const ask = (count: number): void => {
    for (let n = 0; n < count; n += 1)
      void request.run(
        async () =>
          new Promise<void>((done) => {
            begun.push(done);
          }),
      );
  };
  const end = async (): Promise<void> => {
    await settled();
    for (const done of begun.splice(0)) done();
    await settled();
  };
  return { told, begun, ask, end };
}

describe('the place of a request of GraphQL', () => {
  it('is given back while it pauses, and while it waits for the turn of its owner', async () => {
    let pause = Promise.withResolvers<void>();
    const turns = new Turns({ pauseAfter: async () => pause.promise });
    const [first, second] = [requestOf(turns, 'A'), requestOf(turns, 'A')];
    first.ask(5);
    await first.end();
    // Its fourth query works in the turn of the owner.
    expect([first.begun.length, first.told]).toEqual([1, []]);
    second.ask(4);
    await second.end();
    expect([second.begun.length, second.told]).toEqual([0, ['gave it back']]);
    await first.end();
    expect([first.begun.length, first.told]).toEqual([0, ['gave it back']]);
    const before = pause;
    pause = Promise.withResolvers();
    before.resolve();
    await settled();
    // The turn passes to the fifth query of the first, which asked before the other request.
    expect([first.told, second.told]).toEqual([['gave it back', 'took it'], ['gave it back']]);
    await first.end();
    expect([first.told.length, second.told.length]).toEqual([3, 1]);
    pause.resolve();
    await settled();
    expect([first.told.length, second.told]).toEqual([3, ['gave it back', 'took it']]);
    await second.end();
  });

  it('is not given back between two queries without a pause', async () => {
    const turns = new Turns({ pauseAfter: () => undefined });
    const request = requestOf(turns, 'A');
    request.ask(6);
    for (let n = 0; n < 3; n += 1) await request.end();
    expect([request.begun.length, request.told]).toEqual([1, []]);
    await request.end();
  });

  it('comes with one turn of its owner at a time, also while the last one ends and others wait', async () => {
    const turns = new Turns({ pauseAfter: () => undefined });
    const [first, second, third] = [requestOf(turns, 'A'), requestOf(turns, 'A'), requestOf(turns, 'A')];
    first.ask(4);
    await first.end();
    // Its fourth query waits for one of its own three.
    second.ask(4);
    await settled();
    expect([first.begun.length, second.begun.length]).toEqual([1, 3]);
    await first.end();
    await second.end();
    expect(second.begun.length).toBe(1);
    third.ask(4);
    await third.end();
    expect([second.begun.length, third.begun.length]).toEqual([1, 0]);
    await second.end();
    expect(third.begun.length).toBe(1);
    await third.end();
  });
});

describe('the time of the queries of a request', () => {
  it('stops in a pause', async () => {
    const time = new QueryLimits(20).timeOf({ raw: new ServerResponse(new IncomingMessage(new Socket())) });
    time.pause();
    await new Promise((done) => setTimeout(done, 50));
    expect(time.signal.aborted).toBe(false);
    const over = new Promise((done) => {
      time.signal.addEventListener('abort', done);
    });
    time.resume();
    await over;
    expect(time.signal.reason).toMatchObject({ code: 'query_timed_out' });
  });
});
