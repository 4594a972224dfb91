import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decimal } from '#domain/money/decimal';
import { guarded } from '#exchange/rows/formulas';
import { backfilled, countsOf } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { COLUMNS_1_3 } from '../support/focus-columns.js';
import { ADMIN, testLedger } from '../support/ledger.js';
import { checkedOn } from '../support/properties.js';

/** FOCUS in, FOCUS out: what a row said is what the export says, and the export says the same when it is imported. */

type Row = Readonly<Record<string, string>>;

const NUMBERS = ['BilledCost', 'EffectiveCost', 'ListCost', 'ContractedCost', 'ConsumedQuantity', 'PricingQuantity'];
const TEXTS = [
  ...['AvailabilityZone', 'BillingAccountName', 'ChargeDescription', 'CommitmentDiscountId', 'ConsumedUnit'],
  ...['InvoiceId', 'PricingUnit', 'RegionId', 'RegionName', 'ResourceName', 'ServiceName', 'SkuId', 'SkuPriceId'],
  ...['SubAccountId', 'SubAccountName', 'PublisherName', 'InvoiceIssuerName', 'HostProviderName', 'SkuMeter'],
];
/** What the export fills where a row has no value: FOCUS requires one (docs/exporting.md). */
const FILLED = new Set([
  ...['ContractedCost', 'EffectiveCost', 'ListCost', 'ConsumedQuantity', 'ConsumedUnit', 'PricingQuantity'],
  ...['PricingUnit', 'BillingAccountName', 'SubAccountName', 'RegionName', 'PublisherName', 'InvoiceIssuerName'],
  ...['HostProviderName', 'ServiceName', 'SkuId', 'SkuPriceId'],
]);

const ODD = ['plain', '=1+1', '-x', '@a', 'a, "b"', 'ünï', '0012', "it's"];
/** The service is the kind of a cost, which has one line. */
const textsOf = (column: string): fc.Arbitrary<string> =>
  fc.option(fc.constantFrom(...ODD, ...(column === 'ServiceName' ? [] : ['two\nlines'])), { nil: '', freq: 2 });
const numbers = fc.option(fc.constantFrom('1.5', '-0.25', '0', '0.0000001', '12.300', '100000000000.01'), { nil: '' });

const rows: fc.Arbitrary<Row[]> = fc
  .array(
    fc.tuple(
      fc.tuple(...TEXTS.map(textsOf)),
      fc.tuple(...NUMBERS.map(() => numbers)),
      fc.constantFrom('Usage', 'Purchase', 'Credit', 'Adjustment', 'Tax'),
      fc.boolean(),
      fc.integer({ min: 1, max: 28 }),
    ),
    { minLength: 20, maxLength: 20 },
  )
  .map((all) =>
    all.map(([text, number, ChargeCategory, isCorrection, day], n) => ({
      ...Object.fromEntries(TEXTS.map((column, index) => [column, text[index] ?? ''])),
      ...Object.fromEntries(NUMBERS.map((column, index) => [column, number[index] ?? ''])),
      BilledCost: number[0] === '' || number[0] === undefined ? '2' : number[0],
      ...{ BillingAccountId: 'acc', BillingCurrency: 'USD', ServiceProviderName: 'Acme', ProviderName: 'Acme' },
      ...{ BillingPeriodStart: '2026-04-01T00:00:00Z', BillingPeriodEnd: '2026-05-01T00:00:00Z' },
      ChargePeriodStart: `2026-04-${String(day).padStart(2, '0')}T00:00:00Z`,
      ChargePeriodEnd: `2026-04-${String(day).padStart(2, '0')}T12:00:00Z`,
      ...{ ChargeCategory, ChargeClass: isCorrection ? 'Correction' : '', ResourceId: `r-${n}` },
    })),
  );

const csv = (all: readonly Row[], write: (text: string) => string): string => {
  const cell = (text = ''): string => `"${write(text).replaceAll('"', '""')}"`;
  return [COLUMNS_1_3, ...all.map((row) => COLUMNS_1_3.map((column) => row[column] ?? ''))]
    .map((cells) => cells.map(cell).join(','))
    .join('\n');
};

/** Imports a file into a ledger of its own, and exports it: by resource, without what is null. */
async function through(text: string): Promise<Map<string, Row>> {
  const [test, files] = await Promise.all([testLedger(), folder()]);
  try {
    const summary = await backfilled(test, 'costs', await files.write('focus.csv', text));
    expect([countsOf(summary), summary.rejects]).toEqual([[20, 20, 0, 0, 0], []]);
    const found = new Map<string, Row>();
    for await (const row of (await test.ledger.export('focus', { period: '2026-04', version: '1.3' }, ADMIN)).rows) {
      const said = Object.entries(row).filter((each): each is [string, string] => typeof each[1] === 'string');
      const of = Object.fromEntries(said);
      found.set(of['ResourceId'] ?? '', of);
    }
    return found;
  } finally {
    await Promise.all([test.close(), files.remove()]);
  }
}

const isSame = (column: string, before: string, after: string | undefined): boolean =>
  after !== undefined && (NUMBERS.includes(column) ? decimal(before).eq(decimal(after)) : before === after);

describe('a month in FOCUS', () => {
  it('is exported as it was imported, but for what is documented', async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (given) => {
        const first = await through(csv(given, (text) => text));
        const changed = given.flatMap((row) => {
          const exported = first.get(row['ResourceId'] ?? '') ?? {};
          return Object.entries(row).flatMap(([column, before]) => {
            const after = exported[column];
            const isKept = before === '' ? after === undefined || FILLED.has(column) : isSame(column, before, after);
            return isKept ? [] : [{ column, before, after }];
          });
        });
        expect(changed).toEqual([]);
        const again = await through(csv([...first.values()], guarded));
        expect(Object.fromEntries(again)).toEqual(Object.fromEntries(first));
      }),
      { ...checkedOn(3), endOnFailure: true },
    );
  });
});
