import { describe, expect, it } from '@jest/globals';
import { instant } from '../time/instant.js';
import { type Payer, payerFor } from './payer.js';

const T = (date: string) => instant(`${date}T00:00:00Z`);
const charged = (start: string, end: string) => ({ start: T(start), end: T(end) });
/** The holding pays in July. */
const PAYERS: readonly Payer[] = [
  { tenantId: 'lab', terms: { payerId: 'holding' }, period: charged('2026-07-01', '2026-08-01') },
];
const JUNE = charged('2026-06-01', '2026-07-01');
const JULY = charged('2026-07-01', '2026-08-01');
const AUGUST = charged('2026-08-01', '2026-09-01');

describe('the payer of an invoice', () => {
  it.each([
    ['July, billed at its end, with the fee of August', '2026-08-01', [JULY, AUGUST], 'holding'],
    ['July, billed after a grace period or later', '2026-08-09', [AUGUST, JULY], 'holding'],
    ['June, billed in July', '2026-07-03', [JUNE], null],
    ['a correction of June beside July', '2026-08-01', [JUNE, JULY], 'holding'],
    ['only the fee of July, in advance', '2026-07-01', [JULY], 'holding'],
    ['only the fee of August, in advance', '2026-08-01', [AUGUST], null],
    ['nothing, as of the end of July', '2026-08-01', [], 'holding'],
  ])('of %s', (_name, asOf, periods, payer) => {
    const rows = periods.map((chargePeriod) => ({ chargePeriod }));
    expect(payerFor(PAYERS, T(asOf), rows)).toBe(payer);
  });
});
