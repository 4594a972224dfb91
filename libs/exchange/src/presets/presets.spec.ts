import { describe, expect, it } from '@jest/globals';
import { readRow as read } from '../../../../test/support/preset-row.js';
import { digitalOceanInvoiceCsv } from './digitalocean-invoice.js';
import { presetFor } from './preset.js';
import { ubicloudRates } from './rates.js';
import { genericResources } from './resources.js';
import { tokenTrace } from './token-trace.js';
import { genericUsage } from './usage.js';

const DIGITAL_OCEAN = {
  product: 'Droplets',
  group_description: 'web',
  description: 's-1vcpu-1gb',
  start: '2026-04-01 00:00:00 +0000',
  end: '2026-04-30 23:59:59 +0000',
  USD: '$1,006.00',
  project_name: 'Site',
};

describe('a row of DigitalOcean’s invoice', () => {
  it('ends with its day if it ends in the last second of it', () => {
    const { item, notes } = read(digitalOceanInvoiceCsv, DIGITAL_OCEAN);
    expect(item).toEqual({
      provider: 'digitalocean',
      delivery: '2026-04',
      invoiceRef: '2026-04',
      line: {
        kind: 'Droplets',
        chargePeriod: { start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' },
        amount: '1006',
        currency: 'USD',
        category: 'usage',
        description: 's-1vcpu-1gb',
        focus: {},
      },
      key: 'Droplets||s-1vcpu-1gb|web|Site|2026-04-01T00:00:00Z',
      isOwnId: false,
    });
    expect(notes).toEqual([['last_second', 'end']]);
  });

  it('below zero is a credit in every notation, and tax is tax', () => {
    const amounts = ['-$5.00', '($5.00)'].map(
      (USD) => read(digitalOceanInvoiceCsv, { ...DIGITAL_OCEAN, USD }).item.line,
    );
    expect(amounts).toMatchObject([
      { amount: '-5', category: 'credit' },
      { amount: '-5', category: 'credit' },
    ]);
    expect(read(digitalOceanInvoiceCsv, { ...DIGITAL_OCEAN, product: 'Taxes' }).item.line.category).toBe('tax');
  });
});

describe('other rows', () => {
  it('of an inventory have tags as a list, and are rejected if its JSON gives a field twice', () => {
    const vm = { provider: 'do', providerId: 'vm', kind: 'droplet', status: 'active', seenAt: '2026-04-01T00:00:00Z' };
    const tagsOf = (tags: string) => read(genericResources, { ...vm, tags }).item.command['tags'];
    expect([tagsOf('["web", "env:prod"]'), tagsOf('web; env:prod')]).toEqual(Array(2).fill(['web', 'env:prod']));
    expect(() => tagsOf('[web')).toThrow('must be a list such as ["web", "env:prod"]');
    expect(() => tagsOf('[{"k": "a", "k": "b"}]')).toThrow('gives the field [0].k twice. Give it once.');
  });

  it('of a price list have byoc in the family, and no date means since always', () => {
    const { item } = read(ubicloudRates, {
      resource_type: 'VmVCpu',
      resource_family: 'standard',
      location: 'hetzner-hel1',
      byoc: 'true',
      unit_price: '0.000171296',
      active_from: '',
    });
    expect(item.command).toMatchObject({
      command: 'set-rate',
      resourceFamily: 'standard+byoc',
      unitPrice: '0.000171296',
      effectiveFrom: '0001-01-01T00:00:00Z',
    });
    expect(item.correction).toMatchObject({ command: 'correct-rate', reason: 're-delivered' });
  });

  it('of usage are a day, an hour or an event, depending on their period', () => {
    const reading = (start: string, end: string) =>
      read(genericUsage, { deployment: 'd', resource: 'r', kind: 'hours', start, end, quantity: '24' }).item.observation
        .granularity;
    expect(reading('2026-04-01T00:00:00Z', '2026-04-02T00:00:00Z')).toBe('day');
    expect(reading('2026-04-01T05:00:00Z', '2026-04-01T06:00:00Z')).toBe('hour');
    expect(reading('2026-04-01T05:00:00Z', '2026-04-01T05:30:00Z')).toBe('event');
  });
});

describe('the preset of a file', () => {
  const presets = [tokenTrace, genericUsage];
  const columns = ['TIMESTAMP', 'ContextTokens', 'GeneratedTokens'];

  it('recognises its columns, unless the mapping names another, or fields that only the generic one has', () => {
    const names = [
      {},
      { values: { deploymentId: 'd', resourceId: 'r' } },
      { preset: 'usage' },
      { columns: { start: 'TIMESTAMP', quantity: 'ContextTokens' }, values: { billingKind: 'input_tokens' } },
      { values: { gift: '1' } },
    ].map((mapping) => presetFor(presets, mapping, columns).name);
    expect(names).toEqual(['token-trace', 'token-trace', 'usage', 'usage', 'token-trace']);
    expect(() => presetFor(presets, { preset: 'gift' }, columns)).toThrow('unknown preset "gift"');
  });
});
