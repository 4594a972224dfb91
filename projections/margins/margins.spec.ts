import { expect, it } from '@jest/globals';
import {
  APRIL,
  creditNoteIssued,
  frozenRow,
  invoiceIssued,
  invoiceVoided,
  rowsFrozen,
} from '../../test/support/facts.js';
import { id, projected } from '../../test/support/projections.js';
import { invoicesProjection } from '../invoices/invoices.projection.js';
import { marginsProjection } from './margins.projection.js';
import { revenue, soldUnits } from './margins.table.js';

const { given, when, rows } = projected(invoicesProjection, marginsProjection);

const REVENUE = {
  invoice_id: id(1),
  cause: 'issued',
  deployment_id: 'd',
  billing_kind: 'cpu',
  month: '2026-04',
  tenant_id: 't',
  currency: 'USD',
};

it('is the amount of an issued invoice without tax, by billing kind and month of the charge period', async () => {
  const acrossMonths = { chargePeriod: { start: '2026-04-16T00:00:00Z', end: '2026-05-16T00:00:00Z' } };
  await given(
    rowsFrozen([
      frozenRow(201, 100, { net: '10' }),
      frozenRow(202, 100, { net: '2.50' }),
      frozenRow(203, 101, { net: '30', billingKind: 'base_fee', ...acrossMonths }),
    ]),
  );
  await when(invoiceIssued());

  expect(await rows(revenue)).toEqual([
    // 30 days for 30.00: 15 of them in April, 15 in May.
    { ...REVENUE, billing_kind: 'base_fee', amount: '15' },
    { ...REVENUE, billing_kind: 'base_fee', month: '2026-05', amount: '15' },
    // 10 + 2.50 = 12.50
    { ...REVENUE, amount: '12.5' },
  ]);
  expect(await rows(revenue, 1)).toEqual([]);
});

it('does not count rows of an abandoned attempt', async () => {
  await given(rowsFrozen([frozenRow(201, 100)]), rowsFrozen([frozenRow(201, 100, { net: '99' })], { attempt: id(19) }));
  await when(invoiceIssued());

  expect(await rows(revenue)).toEqual([{ ...REVENUE, amount: '10' }]);
});

it('is reversed if the invoice is voided', async () => {
  await given(rowsFrozen([frozenRow(201, 100)]), invoiceIssued());
  await when(invoiceVoided());

  const issued = { ...REVENUE, amount: '10' };
  expect(await rows(revenue)).toEqual([issued, { ...REVENUE, cause: 'voided', amount: '-10' }]);
  expect(await rows(revenue, 2)).toEqual([issued]);
});

it('is reduced by a credit note', async () => {
  await given(rowsFrozen([frozenRow(201, 100)]), invoiceIssued());
  const credited = frozenRow(301, 100, { net: '-4', kind: 'credit_note', chargePeriod: APRIL });
  await when(rowsFrozen([credited], { invoiceId: id(2), attempt: id(13) }), creditNoteIssued());

  const issued = { ...REVENUE, amount: '10' };
  expect(await rows(revenue)).toEqual([issued, { ...REVENUE, invoice_id: id(2), cause: 'credited', amount: '-4' }]);
  expect(await rows(revenue, 3)).toEqual([issued]);
});

const UNITS = {
  ...{ invoice_id: id(1), cause: 'issued', deployment_id: 'd', billing_kind: 'cpu', unit: '', month: '2026-04' },
  ...{ tenant_id: 't', currency: 'USD' },
};

it('counts the units of usage by month, and takes them back with a voided invoice', async () => {
  const acrossMonths = { chargePeriod: { start: '2026-04-16T00:00:00Z', end: '2026-05-16T00:00:00Z' } };
  await given(
    rowsFrozen([
      frozenRow(201, 100, { quantity: '10' }),
      // A correction: what it reverses no longer counts.
      frozenRow(202, 100, { quantity: '-10', kind: 'reversal' }),
      frozenRow(203, 100, { quantity: '12', kind: 'rebooked' }),
      frozenRow(204, 100, { quantity: '60', unit: 'minute', ...acrossMonths }),
      // No usage.
      frozenRow(205, 100, { quantity: '1', ref: 'minimum-commitment' }),
      frozenRow(206, 101, { quantity: '1', ref: 'flat', billingKind: 'base_fee' }),
    ]),
  );
  await when(invoiceIssued());

  const issued = [
    { ...UNITS, quantity: '12' },
    // 60 over 30 days, half of them in April.
    { ...UNITS, unit: 'minute', quantity: '30' },
    { ...UNITS, unit: 'minute', month: '2026-05', quantity: '30' },
  ];
  const sorted = (of: readonly object[]) => [...of].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
  expect(sorted(await rows(soldUnits))).toEqual(sorted(issued));
  await when(invoiceVoided());
  expect(sorted(await rows(soldUnits))).toEqual(
    sorted([...issued, ...issued.map((row) => ({ ...row, cause: 'voided', quantity: `-${row.quantity}` }))]),
  );
});

it('counts no units of a credit note', async () => {
  await given(rowsFrozen([frozenRow(201, 100, { quantity: '10' })]), invoiceIssued());
  const credited = frozenRow(301, 100, { quantity: '-1', net: '-4', kind: 'credit_note' });
  await when(rowsFrozen([credited], { invoiceId: id(2), attempt: id(13) }), creditNoteIssued());

  expect(await rows(soldUnits)).toEqual([{ ...UNITS, quantity: '10' }]);
});
