import { expect, it } from '@jest/globals';
import { type Fact, id, projected } from '../../test/support/projections.js';
import { tenantsProjection } from './tenants.projection.js';
import { tenantGracePeriods, tenants, tenantTaxes } from './tenants.table.js';

const { given, when, rows } = projected(tenantsProjection);

const registered = (timeZone: string): Fact => ({
  TenantRegistered: { tenantId: 't', currency: 'USD', timeZone, detailsRef: id(7), detailsHash: 'a1' },
});

it('keeps a tenant as last registered', async () => {
  await given(registered('UTC'));
  await when(registered('Europe/Berlin'));

  const tenant = { tenant_id: 't', currency: 'USD', currencies: [], details_ref: id(7), details_hash: 'a1' };
  expect(await rows(tenants)).toEqual([{ ...tenant, time_zone: 'Europe/Berlin' }]);
  expect(await rows(tenants, 1)).toEqual([{ ...tenant, time_zone: 'UTC' }]);
});

it('keeps the tax of a tenant by its start', async () => {
  await given({ TenantTaxSet: { tenantId: 't', name: 'VAT', ratePercent: '21', from: '2026-01-01T00:00:00Z' } });
  await when(
    { TenantTaxSet: { tenantId: 't', name: 'VAT', ratePercent: '19', from: '2026-01-01T00:00:00Z' } },
    { TenantTaxSet: { tenantId: 't', name: 'VAT', ratePercent: '20', from: '2026-07-01T00:00:00Z' } },
  );

  expect(await rows(tenantTaxes)).toEqual([
    { tenant_id: 't', name: 'VAT', rate_percent: '19', effective_from: '2026-01-01T00:00:00Z' },
    { tenant_id: 't', name: 'VAT', rate_percent: '20', effective_from: '2026-07-01T00:00:00Z' },
  ]);
  expect(await rows(tenantTaxes, 1)).toEqual([
    { tenant_id: 't', name: 'VAT', rate_percent: '21', effective_from: '2026-01-01T00:00:00Z' },
  ]);
});

it('keeps the grace period of a tenant by its start', async () => {
  await given({ TenantGracePeriodSet: { tenantId: 't', hours: 24, from: '2026-01-01T00:00:00Z' } });
  await when({ TenantGracePeriodSet: { tenantId: 't', hours: 48, from: '2026-01-01T00:00:00Z' } });

  expect(await rows(tenantGracePeriods)).toEqual([
    { tenant_id: 't', effective_from: '2026-01-01T00:00:00Z', hours: 48 },
  ]);
  expect(await rows(tenantGracePeriods, 1)).toEqual([
    { tenant_id: 't', effective_from: '2026-01-01T00:00:00Z', hours: 24 },
  ]);
});
