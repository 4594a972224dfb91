import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backfilled, countsOf, deployment, TENANT } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { subscription } from '../support/commands.js';
import { testLedger, type TestLedger } from '../support/ledger.js';

let test: TestLedger;
let files: Awaited<ReturnType<typeof folder>>;
beforeEach(async () => {
  [test, files] = await Promise.all([testLedger(), folder()]);
});
afterEach(async () => {
  await Promise.all([test.close(), files.remove()]);
});

describe('backfill resources', () => {
  interface Resource {
    providerId: string;
    kind: string;
    sizeGb: string | null;
    deploymentId: string | null;
  }
  const resources = async (): Promise<unknown> =>
    (await test.ask<{ items: Resource[] }>('resources')).items.map(({ providerId, kind, sizeGb, deploymentId }) => [
      providerId,
      kind,
      sizeGb,
      deploymentId,
    ]);

  it('reads what DigitalOcean’s API lists: droplets, snapshots, volumes, domains', async () => {
    await test.apply(TENANT, deployment('site'));
    const created = '2026-03-28T16:47:44Z';
    const file = await files.write(
      'inventory.json',
      JSON.stringify({
        droplets: [
          {
            id: 3164444,
            name: 'example.com',
            disk: 25,
            status: 'active',
            created_at: created,
            size_slug: 's-1vcpu-1gb',
            region: { slug: 'nyc3' },
            tags: ['web', 'deployment:site'],
          },
        ],
        snapshots: [
          {
            id: '6372321',
            name: 'web-01',
            created_at: created,
            regions: ['nyc3', 'sfo3'],
            size_gigabytes: 2.34,
            tags: [],
          },
        ],
        volumes: [
          { id: '506f', name: 'example', size_gigabytes: 10, created_at: created, region: { slug: 'nyc1' }, tags: [] },
        ],
        domains: [{ name: 'example.com', ttl: 1800 }],
        meta: { total: 4 },
      }),
    );
    const mapping = { tags: { 'deployment:': 'deploymentId' as const } };
    const summary = await backfilled(test, 'resources', file, mapping);
    expect(countsOf(summary)).toEqual([4, 3, 0, 0, 1]);
    expect(summary.said[0]).toMatch(
      /^inventory\.json, row 4.*: seenAt is missing\. The listing has no time of its own\. Give the time when it was made/,
    );
    expect(await resources()).toEqual([
      ['3164444', 'droplet', '25', 'site'],
      ['506f', 'volume', '10', null],
      ['6372321', 'snapshot', '2.34', null],
    ]);
    expect(countsOf(await backfilled(test, 'resources', file, mapping))).toEqual([4, 0, 3, 0, 1]);
    expect(
      countsOf(await backfilled(test, 'resources', file, { ...mapping, values: { seenAt: '2026-04-01T00:00:00Z' } })),
    ).toEqual([4, 4, 0, 0, 0]);
  });

  it('reads any inventory with a column for each field, and says what a row with changed content needs', async () => {
    const header = 'provider,provider_id,kind,name,status,seen_at,size_gb,tags\n';
    const file = await files.write(
      'a.csv',
      `${header}hetzner,vm-1,droplet,web,active,2026-04-01T00:00:00Z,40,web;prod\n`,
    );
    const other = await files.write(
      'b.csv',
      `${header}hetzner,vm-1,droplet,web,active,2026-04-01T00:00:00Z,80,web;prod\n`,
    );
    expect(countsOf(await backfilled(test, 'resources', file))).toEqual([1, 1, 0, 0, 0]);
    const again = await backfilled(test, 'resources', other);
    expect(countsOf(again)).toEqual([1, 0, 0, 0, 1]);
    expect(again.said[0]).toMatch(/It was recorded with other content at that time\. Give the time of this listing/);
    expect(await resources()).toEqual([['vm-1', 'droplet', '40', null]]);
  });
});

describe('backfill rates', () => {
  const header = 'rate_id,resource_type,resource_family,location,byoc,billed_by,unit_derived,unit_price,active_from\n';
  const rate = (family: string, byoc: boolean, price: string, from: string): string =>
    `id,VmVCpu,${family},hetzner-fsn1,${byoc},duration,vcpu-minute,${price},${from}\n`;
  const rates = async (): Promise<unknown> =>
    (
      await test.ask<{
        items: { resourceFamily: string; unitPrice: string; effectiveFrom: string; effectiveUntil: string | null }[];
      }>('rates', { resourceType: 'VmVCpu' })
    ).items.map(({ resourceFamily, unitPrice, effectiveFrom, effectiveUntil }) => [
      resourceFamily,
      unitPrice,
      effectiveFrom,
      effectiveUntil,
    ]);

  it('reads Ubicloud’s list in any order, byoc in the family, and an edited price as a correction', async () => {
    const file = await files.write(
      'rates.csv',
      header +
        rate('standard', false, '0.0003843751', '2024-12-01T00:00:00Z') +
        rate('standard', false, '0.000171296', '2023-01-01T00:00:00Z') +
        rate('standard', true, '0', '2023-01-01T00:00:00Z'),
    );
    expect(countsOf(await backfilled(test, 'rates', file))).toEqual([3, 3, 0, 0, 0]);
    expect(countsOf(await backfilled(test, 'rates', file))).toEqual([3, 0, 3, 0, 0]);
    const edited = await files.write(
      'edited.csv',
      header +
        rate('standard', false, '0.0003843751', '2024-12-01T00:00:00Z') +
        rate('standard', false, '0.000171297', '2023-01-01T00:00:00Z') +
        rate('standard', false, '0.00018', '2024-06-01T00:00:00Z'),
    );
    expect(countsOf(await backfilled(test, 'rates', edited))).toEqual([3, 0, 1, 2, 0]);
    expect(countsOf(await backfilled(test, 'rates', edited))).toEqual([3, 0, 3, 0, 0]);
    expect(await rates()).toEqual([
      ['standard', '0.000171297', '2023-01-01T00:00:00Z', '2024-06-01T00:00:00Z'],
      ['standard', '0.00018', '2024-06-01T00:00:00Z', '2024-12-01T00:00:00Z'],
      ['standard', '0.0003843751', '2024-12-01T00:00:00Z', null],
      ['standard+byoc', '0', '2023-01-01T00:00:00Z', null],
    ]);
  });

  it('rates tokens by the list: 18,059,974 + 245,896 tokens at 0.00000088 are 16.1091656', async () => {
    await test.apply(TENANT, deployment('site'));
    const plan = {
      command: 'publish-plan',
      planId: 'p',
      name: 'P',
      currency: 'USD',
      baseFee: '0',
      paymentTerm: 'in_arrears',
      effectiveFrom: '2026-01-01T00:00:00Z',
      items: [{ billingKind: 'tokens', price: { model: 'rate_card' } }],
    };
    await test.apply(plan, subscription('s', 'site', 'p'));
    const list = await files.write(
      'rates.csv',
      'type,family,location,price,from\ntokens,llm,global,0.00000088,2026-01-01T00:00:00Z\n',
    );
    expect(countsOf(await backfilled(test, 'rates', list, { values: { basis: 'amount' } }))).toEqual([1, 1, 0, 0, 0]);
    const usage = await files.write(
      'trace.csv',
      'TIMESTAMP,Tokens\n2026-04-02 18:17:03.9799600,18059974\n2026-04-02 18:17:03.9799600,245896\n',
    );
    const mapping = {
      zone: 'Z',
      columns: { start: 'TIMESTAMP', quantity: 'Tokens' },
      values: {
        deploymentId: 'site',
        resourceId: 'code',
        billingKind: 'tokens',
        granularity: 'event',
        resourceType: 'tokens',
        resourceFamily: 'llm',
        location: 'global',
      },
    };
    expect(countsOf(await backfilled(test, 'usage', usage, mapping))).toEqual([2, 2, 0, 0, 0]);
    const accrual = await test.ask<{ total: string }>('accrual', { at: '2026-04-30T00:00:00Z' });
    // 18,305,870 × 0.00000088 = 16.1091656, in cents
    expect(accrual.total).toBe('16.11');
    expect(
      await test.ask('usage', { deploymentId: 'site', start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' }),
    ).toEqual({ tokens: '18305870' });
  });
});
