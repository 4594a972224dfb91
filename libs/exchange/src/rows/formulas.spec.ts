import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readRow } from '../../../../test/support/preset-row.js';
import { focusCosts } from '../presets/focus.js';
import { guarded, unguarded } from './formulas.js';

it('keeps texts from being formulas, and numbers as they are', () => {
  expect(['=1+1', '+1', '-x', '@sum', '\tx', '\rx', "'=x"].map(guarded)).toEqual([
    "'=1+1",
    "'+1",
    "'-x",
    "'@sum",
    "'\tx",
    "'\rx",
    "''=x",
  ]);
  expect(['-1.50', '0', 'a=b', "'quoted", ''].map(guarded)).toEqual(['-1.50', '0', 'a=b', "'quoted", '']);
});

it('gives every text back', () => {
  const text = fc.string({ unit: fc.constantFrom("'", '=', '+', '-', '@', '\t', '\r', '1', 'a') });
  fc.assert(fc.property(text, (each) => expect(unguarded(guarded(each))).toBe(each)));
});

it('is read back by the import of FOCUS', () => {
  const { item } = readRow(focusCosts, {
    BilledCost: '-1.50',
    BillingAccountId: '42',
    BillingCurrency: 'USD',
    BillingPeriodStart: '2026-04-01T00:00:00Z',
    BillingPeriodEnd: '2026-05-01T00:00:00Z',
    ChargeCategory: 'Credit',
    ChargePeriodStart: '2026-04-01T00:00:00Z',
    ChargePeriodEnd: '2026-05-01T00:00:00Z',
    ProviderName: 'Acme',
    ServiceName: guarded('=cmd()'),
    ResourceName: guarded('@web'),
    RegionName: "'s-Hertogenbosch",
  });
  expect(item.line).toMatchObject({
    amount: '-1.5',
    kind: '=cmd()',
    focus: { ResourceName: '@web', RegionName: "'s-Hertogenbosch" },
  });
});
