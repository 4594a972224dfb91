import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ScenarioError } from './blocks.js';
import { DomainLedger } from './domain.js';
import { parseScenario } from './parse.js';
import { StackLedger } from './stack.js';
import { tell } from './tell.js';

const FILE = 'wrong.ledger';
const differences = async (text: string): Promise<readonly string[]> =>
  (await tell(parseScenario(FILE, text), new DomainLedger())).differences;

const ACME = `tenant acme
    currency USD
plan metered from 2026-01-01
    currency USD
    base fee 30.00 monthly in advance
    item requests
        price unit 0.50
2026-04-01 subscribe site of acme to metered
2026-04-03 use 10 requests on site
`; // nine lines

describe('a story with a wrong figure', () => {
  const WRONG = `${ACME}2026-04-11 invoice acme
    base_fee  2026-04-01..2026-05-01             = 30.00
    requests  2026-04-01..2026-04-11  10 x 0.50  = 5.01
    total 35.01
expect billed to acme = 34.99
expect parts of requests on site over 2026-04-01..2026-05-01
    2026-04-01..2026-04-11  10 used = 5.00 billed
    2026-04-11..2026-05-01   1 used = 0.00 open
expect unbilled
    3 calls on site with no plan item
`;
  // 30.00 + 10 × 0.50
  const FOUND = [
    'wrong.ledger:13: total is 35.00, not 35.01',
    'wrong.ledger:12: there is no such row',
    'wrong.ledger:10: the story does not say this row: billingKind requests, deploymentId site, period ' +
      '2026-04-01..2026-04-11, kind charge, ref usage, quantity 10, unitAmount 0.5, discount 0.00, net 5.00, tax 0.00',
    'wrong.ledger:14: 35.00 is billed, not 34.99',
    'wrong.ledger:17: there is no such part',
    'wrong.ledger:15: the story does not say this part: period 2026-04-11..2026-05-01, quantity 0, net 0.00, ' +
      'state open',
    'wrong.ledger:19: there is no such unbilled',
  ];

  it('differs from the engine at its lines', async () => {
    expect(await differences(WRONG)).toEqual(FOUND);
  });

  it('differs from the whole stack at the same lines', async () => {
    const stack = await StackLedger.start();
    try {
      expect((await tell(parseScenario(FILE, WRONG), stack)).differences).toEqual(FOUND);
    } finally {
      await stack.close();
    }
  });

  it('differs if nothing or something is due, or if a quarantine or a refusal differs', async () => {
    const text = `${ACME}2026-04-11 invoice acme
    nothing due
    quarantined requests missing_rate
2026-04-12 invoice acme
    total 1.00
2026-04-13 cancel site
    refused subscription_cancelled
2026-04-14 cancel site
`;
    const [cancelled, ...rest] = (await differences(text)).toReversed();
    expect(cancelled).toMatch(/^wrong\.ledger:17: was refused: subscription_cancelled: /);
    expect(rest.toReversed()).toEqual([
      'wrong.ledger:12: there is no such quarantined',
      'wrong.ledger:10: there is an invoice, of 35.00',
      'wrong.ledger:13: nothing is due',
      'wrong.ledger:15: was not refused; the story says subscription_cancelled',
    ]);
  });
});

/** Lines with expected results, and their figures except dates and names. */
const SAYS = /^ {4}(subtotal|tax|total|number) \S+$|^expect billed | = |^ {4}\S+ \S+ on \S+ with no /;
const FIGURES = /(?<=\s)(INV-|-)?\d+(\.\d+)?(?=\s|$)/g;
const COMMENT = /(^|\s+)#.*$/;

describe('every figure of every story', () => {
  it.each(globSync('test/scenarios/*.ledger').sort())(
    'is checked: another figure makes %s fail at its line',
    async (file) => {
      const lines = readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => line.replace(COMMENT, ''));
      const figures = lines.flatMap((line, index) =>
        SAYS.test(line)
          ? [...line.matchAll(FIGURES)].map((found) => ({ index, end: found.index + found[0].length }))
          : [],
      );
      expect(figures.length).toBeGreaterThan(0);
      for (const { index, end } of figures) {
        const line = lines[index] ?? '';
        const wrong = line.slice(0, end - 1) + String((Number(line[end - 1]) + 1) % 10) + line.slice(end);
        const { differences: found } = await tell(
          parseScenario(file, lines.with(index, wrong).join('\n')),
          new DomainLedger(),
        );
        expect([wrong, found.some((each) => each.startsWith(`${file}:${index + 1}: `))]).toEqual([wrong, true]);
      }
    },
  );
});

describe('a story that can’t be read', () => {
  const errorOf = (text: string): string => {
    try {
      parseScenario(FILE, text);
    } catch (error) {
      if (error instanceof ScenarioError) return error.message;
      throw error;
    }
    return 'none';
  };

  it('names the file, the line, and what is allowed there', () => {
    expect(errorOf('tenant acme\n    curency USD\n')).toBe(
      `wrong.ledger:2: can't read "curency USD"; a line here is one of
    currency CURRENCY
    time zone ZONE
    tax NAME PERCENT from FROM`,
    );
    expect(errorOf('tenant acme\n    currency USD\n\n2026-04-01 sell site\n')).toMatch(
      /^wrong\.ledger:4: can't read "2026-04-01 sell site"; a line here is one of\n {4}tenant TENANT\n/,
    );
  });

  it.each([
    [
      'a day that does not exist',
      '2026-04-31 cancel site',
      'wrong.ledger:1: instant: "2026-04-31T00:00:00Z" does not exist in the calendar',
    ],
    [
      'a period that ends before it starts',
      'expect parts of x on y over 2026-04-02..2026-04-01',
      'wrong.ledger:1: a period must end after it starts: [2026-04-02T00:00:00Z, 2026-04-01T00:00:00Z)',
    ],
    [
      'a tab',
      'tenant acme\n\tcurrency USD',
      'wrong.ledger:2: indent and align with spaces: a tab is as wide as the reader likes',
    ],
    ['a tenant without a currency', '\ntenant acme', 'wrong.ledger:2: a tenant needs its currency'],
    [
      'a plan without a fee',
      'plan p from 2026-01-01\n    currency USD',
      'wrong.ledger:1: a plan needs its currency and its base fee (0 where there is none)',
    ],
    [
      'an invoice without a total',
      '2026-04-01 invoice acme\n    tax 0.00',
      'wrong.ledger:1: an invoice says its total, or that nothing is due',
    ],
    [
      'a correction of nothing',
      '2026-04-01 correct 5 calls on site to 6 because of drift',
      'wrong.ledger:1: no reading of 5 calls on site at 2026-04-01T00:00:00Z',
    ],
    [
      'a rate without a place',
      '2026-04-01 rate VmCores/standard 1.00',
      'wrong.ledger:1: VmCores/standard is not a rate: type/family/location, such as VmCores/standard/eu',
    ],
    [
      'something below what stands alone',
      'expect billed to acme = 1.00\n    total 1.00',
      'wrong.ledger:2: nothing is indented below "expect billed to acme = 1.00"',
    ],
    [
      'tiers without an open one',
      'plan p from 2026-01-01\n    currency USD\n    base fee 0 monthly in advance\n    item x\n        price ' +
        'volume\n            up to 10 at 1.00',
      'wrong.ledger:5: price: tiers[0].upTo must be null in the last tier, which has no upper bound',
    ],
  ])('for %s', (_what, text, message) => {
    expect(errorOf(text)).toBe(message);
  });
});
