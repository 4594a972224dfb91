import { describe, expect, it } from '@jest/globals';
import type { Role } from '#ledger/caller';
import { type Applicant, Places } from './places.js';

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
});
