import { describe, expect, it } from '@jest/globals';
import { readRow } from '../../../../test/support/preset-row.js';
import { focusCosts } from './focus.js';

const FOCUS = {
  ProviderName: 'Hetzner',
  BillingAccountId: 'acc',
  BillingPeriodStart: '2026-04-01T00:00:00Z',
  BillingPeriodEnd: '2026-05-01T00:00:00Z',
  ChargePeriodStart: '2026-04-02T00:00:00Z',
  ChargePeriodEnd: '2026-04-03T00:00:00Z',
  ChargeCategory: 'Usage',
  ChargeClass: '',
  ServiceName: 'Compute',
  ResourceId: 'srv1',
  BilledCost: '1.50',
  EffectiveCost: '1.20',
  BillingCurrency: 'EUR',
};

describe('a row of FOCUS', () => {
  it('is a cost line of its account’s month, identified by every field that is not a measure', () => {
    const { item, notes } = readRow(focusCosts, FOCUS);
    expect(item).toMatchObject({
      provider: 'Hetzner',
      delivery: 'acc 2026-04',
      invoiceRef: 'acc 2026-04',
      line: {
        kind: 'Compute',
        amount: '1.5',
        effectiveAmount: '1.2',
        currency: 'EUR',
        category: 'usage',
        resourceId: 'srv1',
      },
      isOwnId: false,
    });
    expect(item.key).toContain('srv1');
    expect(item.key).not.toContain('1.5');
    expect(notes).toEqual([]);
  });

  it('is accepted if it deviates from the format, and each oddity is noted', () => {
    const odd = { ...FOCUS, ChargeCategory: 'usage', BilledCost: '-1.50', ChargePeriodStart: '2026-03-31T00:00:00Z' };
    expect(readRow(focusCosts, odd).notes.map(([code]) => code)).toEqual([
      'spelling',
      'other_period',
      'negative_usage',
    ]);
  });

  it('of FOCUS 1.3 names its provider in another column, and of no provider its issuer', () => {
    const { ProviderName: _, ...unnamed } = FOCUS;
    expect(readRow(focusCosts, { ...unnamed, ServiceProviderName: 'AWS' }).item.provider).toBe('AWS');
    expect(readRow(focusCosts, { ...FOCUS, ProviderName: '', InvoiceIssuerName: 'AWS EMEA' }).item.provider).toBe(
      'AWS EMEA',
    );
  });

  it('for no service is of its category', () => {
    const tax = { ...FOCUS, ChargeCategory: 'Tax', ServiceName: '', ServiceCategory: '' };
    expect(readRow(focusCosts, tax).item.line.kind).toBe('tax');
    expect(readRow(focusCosts, { ...tax, ServiceCategory: 'Other' }).item.line.kind).toBe('Other');
  });

  it('whose month is that of China belongs to that month', () => {
    const november = {
      ...FOCUS,
      ProviderName: 'Alibaba Cloud',
      BillingPeriodStart: '2025-10-31T16:00:00Z',
      BillingPeriodEnd: '2025-11-30T16:00:00Z',
      ChargePeriodStart: '2025-10-31T16:00:00Z',
      ChargePeriodEnd: '2025-10-31T17:00:00Z',
      ChargeDescription: '',
    };
    const { item, notes } = readRow(focusCosts, november);
    expect([item.delivery, notes]).toEqual(['acc 2025-11', []]);
  });

  it.each([[{ tenant: 'acme' }], [[{ key: 'tenant', value: 'acme' }]], ['{"tenant": "acme"}']])(
    'has tags as an object, a list, or the JSON of it: %j',
    (Tags) => {
      const { item } = readRow(focusCosts, { ...FOCUS, Tags }, { tags: { 'tenant:': 'tenantId' } });
      expect(item.line.tenantId).toBe('acme');
    },
  );

  it('is rejected if its tags give one twice, as policies of shared cost go by them', () => {
    const Tags = '{"team": "web", "team": "infra"}';
    expect(() => readRow(focusCosts, { ...FOCUS, Tags })).toThrow('gives the field team twice. Give it once.');
  });
});
