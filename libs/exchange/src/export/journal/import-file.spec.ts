import { expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { accountsOf, type AccountMapping, type ImportFormat } from './accounts.js';
import { importFile } from './import-file.js';
import type { Posting } from './journal.js';

const NONE = { tenantId: null, provider: null, kind: null, chargeMonth: null, correction: null, taxRatePercent: null };
const posting = (account: string, amount: string, more: Partial<Posting>): Posting => ({
  ...{ ...NONE, account, amount, currency: 'EUR', bookedMonth: '2026-04', originalMonth: null, payerId: null },
  ...{ date: '2026-04-09', transaction: 'INV-000001', type: 'invoice', document: 'INV-000001', tenantId: 'acme' },
  ...more,
});

/** An invoice of 100.00 with 19.00 of tax, of which 20.00 is deferred; and a payment of it. */
const POSTINGS: readonly Posting[] = [
  posting('1200', '119.00', {}),
  posting('1776', '-19.00', {}),
  posting('4400', '-80.00', { kind: 'base_fee', chargeMonth: '2026-04' }),
  posting('3900', '-20.00', { kind: 'base_fee', chargeMonth: '2026-05' }),
  posting('1800', '119.00', { date: '2026-04-30', transaction: 'payment/acme/EUR/a b', document: 'a b' }),
  posting('1200', '-119.00', { date: '2026-04-30', transaction: 'payment/acme/EUR/a b', document: 'a b' }),
];

async function written(
  format: ImportFormat,
  mapping: AccountMapping = {},
  postings: readonly Posting[] = POSTINGS,
): Promise<string[]> {
  const at = instant('2026-05-02T10:11:12.345678Z');
  async function* all(): AsyncGenerator<Posting> {
    yield* postings;
  }
  const parts: Buffer[] = [];
  for await (const part of importFile(all(), { format, currency: 'EUR', month: '2026-04', at }, mapping))
    parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString('latin1').trimEnd().split('\r\n');
}

it('writes manual journals for Xero, a credit below zero', async () => {
  expect(await written('xero', { xero: { taxRate: 'No VAT' } })).toEqual([
    '*Narration,*Date,Description,*AccountCode,*TaxRate,*Amount,TrackingName1,TrackingOption1,TrackingName2,' +
      'TrackingOption2',
    'INV-000001,09 Apr 2026,INV-000001 acme,1200,No VAT,119.00,,,,',
    'INV-000001,09 Apr 2026,INV-000001 acme,1776,No VAT,-19.00,,,,',
    'INV-000001,09 Apr 2026,INV-000001 acme base_fee 2026-04,4400,No VAT,-80.00,,,,',
    'INV-000001,09 Apr 2026,INV-000001 acme base_fee 2026-05,3900,No VAT,-20.00,,,,',
    'payment/acme/EUR/a b,30 Apr 2026,a b acme,1800,No VAT,119.00,,,,',
    'payment/acme/EUR/a b,30 Apr 2026,a b acme,1200,No VAT,-119.00,,,,',
  ]);
  expect((await written('xero'))[1]).toContain(',Tax Exempt,');
});

it('writes journal entries for QuickBooks, with debits and credits apart', async () => {
  expect(await written('quickbooks')).toEqual([
    '*JournalNo,*JournalDate,*AccountName,*Debits,*Credits,Description,Name,Currency,Location,Class',
    '2026-04-9f8b9877d49d2,04/09/2026,1200,119.00,,INV-000001: INV-000001 acme,acme,EUR,,',
    '2026-04-9f8b9877d49d2,04/09/2026,1776,,19.00,INV-000001: INV-000001 acme,acme,EUR,,',
    '2026-04-9f8b9877d49d2,04/09/2026,4400,,80.00,INV-000001: INV-000001 acme base_fee 2026-04,acme,EUR,,',
    '2026-04-9f8b9877d49d2,04/09/2026,3900,,20.00,INV-000001: INV-000001 acme base_fee 2026-05,acme,EUR,,',
    '2026-04-5c4b18cef86cb,04/30/2026,1800,119.00,,payment/acme/EUR/a b: a b acme,acme,EUR,,',
    '2026-04-5c4b18cef86cb,04/30/2026,1200,,119.00,payment/acme/EUR/a b: a b acme,acme,EUR,,',
  ]);
});

it('writes a Buchungsstapel for DATEV, each line from one account to another', async () => {
  const datev = { consultant: '29098', client: '55003', fiscalYearStart: '07-01' };
  const [header, columns = '', ...lines] = await written('datev', { datev });
  // 31 fields; the fiscal year that holds April began in July of the year before.
  expect(header).toBe(
    '"EXTF";700;21;"Buchungsstapel";13;20260502101112345;;"";"Ledgerline";"";29098;55003;' +
      '20250701;4;20260401;20260430;"Ledgerline 2026-04";"";1;0;0;"EUR";;"";;;"";;;"";""',
  );
  expect(header?.split(';').length).toBe(31);
  expect(columns.split(';').length).toBe(125);
  expect(columns).toContain('Gegenkonto (ohne BU-Schl\u00fcssel)');
  // 119.00 of the receivable against 19.00, 80.00 and 20.00; 111 fields follow that are empty.
  expect(lines).toEqual(
    [
      '19,00;"S";"EUR";;;;1200;1776;;0904;"INV-000001";;;"INV-000001"',
      '80,00;"S";"EUR";;;;1200;4400;;0904;"INV-000001";;;"INV-000001"',
      '20,00;"S";"EUR";;;;1200;3900;;0904;"INV-000001";;;"INV-000001"',
      '119,00;"S";"EUR";;;;1800;1200;;3004;"a-b";;;"payment/acme/EUR/a%20b"',
    ].map((line) => `${line}${';'.repeat(111)}`),
  );
  // 30.00 − 5.00 on 5000 is 25.00. What an account gives to itself is no line.
  const bill = { transaction: 'cost/aws', document: 'aws', tenantId: null, provider: 'aws' };
  const netted = [posting('5000', '30.00', bill), posting('5000', '-5.00', bill), posting('1600', '-25.00', bill)];
  expect((await written('datev', { datev }, netted)).slice(2)).toEqual([
    `25,00;"S";"EUR";;;;5000;1600;;0904;"aws";;;"cost/aws"${';'.repeat(111)}`,
  ]);
  await expect(written('datev', { datev: { client: '1' } })).rejects.toThrow('must name the consultant and the client');
});

it('rounds what a provider charges to the currency, so that each transaction adds up to 0', async () => {
  const of = (transaction: string, account: string, amount: string): Posting =>
    posting(account, amount, { transaction, document: 'aws', tenantId: null, provider: 'aws' });
  const bills = [
    // 0.004 + 0.0045 + 0.0015 = 0.01: the largest rest gets it.
    ...[of('1', '5001', '0.004'), of('1', '5002', '0.0045'), of('1', '5003', '0.0015'), of('1', '3300', '-0.01')],
    // 1.006 − 0.002 = 1.004: 1.01 against 0.00 and 1.01
    ...[of('2', '5001', '1.006'), of('2', '5002', '-0.002'), of('2', '3300', '-1.004')],
    // 1000.00 is at the scale and stays; of 1000.0051, 0.01 is left for the larger rest.
    ...[of('4', '5001', '1000.00'), of('4', '5002', '0.004'), of('4', '5003', '0.0011'), of('4', '3300', '-1000.0051')],
    // Less than half a cent is nothing.
    ...[of('3', '5001', '0.001'), of('3', '3300', '-0.001')],
  ];
  const lines = (await written('xero', {}, bills)).slice(1).map((line) => line.split(','));
  expect(lines.map((cells) => [cells[0], cells[3], cells[5]])).toEqual([
    ...[
      ['1', '5002', '0.01'],
      ['1', '3300', '-0.01'],
    ],
    ...[
      ['2', '5001', '1.01'],
      ['2', '3300', '-1.01'],
    ],
    ...[
      ['4', '5001', '1000.00'],
      ['4', '5002', '0.01'],
      ['4', '3300', '-1000.01'],
    ],
  ]);
});

it('wants accounts as each program names them, and names all that are not', () => {
  const codes = Object.fromEntries(
    [
      ...['receivable', 'accruedRevenue', 'inputTax', 'bank', 'deferredRevenue', 'taxPayable', 'tenantCredit'],
      ...['unappliedPayments', 'prepaidCredit', 'payable', 'revenue', 'discounts', 'credits', 'prepaidCreditUsed'],
      'prepaidCreditExpired',
    ].map((key, index) => [key, String(1000 + index)]),
  );
  expect(() => accountsOf(codes, 'datev')).toThrow(
    'accounts.cost is "Expenses:Cost:{kind}", which is not an account name in datev. ' +
      'Give the number of the account, with 4 digits, or 5 for a person; or set datev.accountLength.',
  );
  expect(() => accountsOf({ ...codes, bank: 'Bank' }, 'datev')).toThrow('The same is true of accounts.cost.');
  expect(accountsOf({ ...codes, cost: '5000' }, 'datev')('cost', { kind: 'droplet' })).toBe('5000');
  const long = { ...codes, cost: '5000', receivable: '120000', payable: '1600000' };
  expect(() => accountsOf(long, 'datev')).toThrow('accounts.receivable is "120000"');
  expect(() => accountsOf({ ...long, datev: { accountLength: '6' } }, 'datev')).toThrow(
    'accounts.accruedRevenue is "1001", which is not an account name in datev. ' +
      'Give the number of the account, with 6 digits, or 7 for a person; or set datev.accountLength.',
  );
  expect(accountsOf({ ...codes, cost: '5000' }, 'xero')('bank', {})).toBe('1003');
  expect(() => accountsOf({ ...codes, cost: 'Cost of servers' }, 'xero')).toThrow('at most 10 letters and digits');
  expect(accountsOf({}, 'quickbooks')('cost', { kind: 'droplet' })).toBe('Expenses:Cost:Droplet');
});
