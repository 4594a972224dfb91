import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { creditsProjection } from './credits.projection.js';
import { credits } from './credits.table.js';

const { given, when, rows } = projected(creditsProjection);

const ACCOUNT = { tenantId: 't', currency: 'USD' } as const;
const ROW = { tenant_id: 't', currency: 'USD', is_withdrawn: false, is_revoked: false, priority: 0 };
const [APRIL, MAY, JULY] = ['2026-04-01T00:00:00Z', '2026-05-01T00:00:00Z', '2026-07-01T00:00:00Z'];

it('keeps coupons and credits in the order of granting', async () => {
  await given({
    CreditGranted: { ...ACCOUNT, creditId: 'welcome', amount: '25', from: APRIL, until: JULY, reason: 'welcome' },
  });
  await when({
    CouponGranted: { ...ACCOUNT, creditId: 'spring', percent: '12.5', from: APRIL, until: null, billingKinds: ['cpu'] },
  });

  const welcome = {
    ...ROW,
    credit_id: 'welcome',
    kind: 'credit',
    amount: '25',
    effective_from: APRIL,
    effective_until: JULY,
    granted_position: 1,
    reason: 'welcome',
  };
  expect(await rows(credits)).toEqual([
    {
      ...ROW,
      credit_id: 'spring',
      kind: 'coupon',
      percent: '12.5',
      billing_kinds: ['cpu'],
      effective_from: APRIL,
      granted_position: 2,
    },
    welcome,
  ]);
  expect(await rows(credits, 1)).toEqual([welcome]);
});

it('ends a credit when it is revoked, with the reasons of its grant and of its revocation', async () => {
  await given({
    CreditGranted: { ...ACCOUNT, creditId: 'welcome', amount: '25', from: APRIL, until: JULY, reason: 'welcome' },
  });
  await when({ CreditRevoked: { ...ACCOUNT, creditId: 'welcome', at: MAY, reason: 'granted twice' } });

  const granted = { ...ROW, credit_id: 'welcome', kind: 'credit', amount: '25', effective_from: APRIL };
  const how = { granted_position: 1, reason: 'welcome' };
  const revoked = { effective_until: MAY, is_revoked: true, revocation_reason: 'granted twice' };
  expect(await rows(credits)).toEqual([{ ...granted, ...how, ...revoked }]);
  expect(await rows(credits, 1)).toEqual([{ ...granted, ...how, effective_until: JULY }]);
});
