import { describe, expect, it } from '@jest/globals';
import { Addresses } from './floods.js';
import { networkOf } from './networks.js';

describe('the network of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['2001:db8:1::2:3:4:5', '2001:db8:1:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['', ''],
  ])('of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});

describe('addresses', () => {
  /** With limits of a request that is refused, and two that need no token. */
  function limited() {
    let now = 0;
    const addresses = new Addresses({ refused: 1, open: 2 }, () => now);
    const pass = (ms: number): void => {
      now += ms;
    };
    return { addresses, pass };
  }

  it('have one limit for what is refused and another for what needs no token', () => {
    const { addresses, pass } = limited();
    const counted = (kind: 'open' | 'refused') => addresses.count('192.0.2.1', kind);
    expect([counted('open'), counted('open'), counted('refused')]).toEqual([undefined, undefined, undefined]);
    pass(20_000);
    expect([counted('open'), counted('refused')]).toEqual([40, 40]);
    pass(40_000);
    expect([counted('open'), counted('refused')]).toEqual([undefined, undefined]);
  });

  it('over their limit may connect five times a second, and after a token as often as they like', () => {
    const { addresses, pass } = limited();
    const mayConnect = () => addresses.mayConnect('192.0.2.1');
    for (let n = 0; n < 2; n += 1) addresses.count('192.0.2.1', 'refused');
    expect([mayConnect(), mayConnect()]).toEqual([true, false]);
    pass(199);
    expect(mayConnect()).toBe(false);
    pass(1);
    expect([mayConnect(), mayConnect()]).toEqual([true, false]);
    addresses.hasToken('192.0.2.1');
    expect([mayConnect(), mayConnect()]).toEqual([true, true]);
  });

  it('are forgotten one by one where there are many, and others do not push out those with a token', () => {
    const { addresses } = limited();
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3'])
      for (let n = 0; n < 2; n += 1) addresses.count(address, 'refused');
    addresses.hasToken('192.0.2.2');
    for (let n = 0; n < 9998; n += 1) addresses.count(`2001:db8:${Math.floor(n / 100)}:${n % 100}::1`, 'open');
    // 10,000 are known: the first of 10,001 is forgotten.
    expect(addresses.count('192.0.2.3', 'refused')).toBe(60);
    expect(addresses.count('192.0.2.1', 'refused')).toBe(undefined);
    for (let n = 0; n < 20_000; n += 1) addresses.count(`2001:db9:${Math.floor(n / 100)}:${n % 100}::1`, 'open');
    for (let n = 0; n < 2; n += 1) addresses.count('192.0.2.2', 'refused');
    expect([addresses.mayConnect('192.0.2.2'), addresses.mayConnect('192.0.2.2')]).toEqual([true, true]);
  });
});
