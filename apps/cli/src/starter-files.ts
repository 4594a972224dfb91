/** A small business to begin with. docs/getting-started.md walks through it; a test follows that page. */

const line = (command: object): string => `${JSON.stringify(command)}\n`;
const rows = (...lines: readonly string[]): string => lines.map((each) => `${each}\n`).join('');

const SETUP = [
  {
    command: 'publish-plan',
    ...{ planId: 'standard', name: 'Standard', currency: 'USD', baseFee: '20.00', paymentTerm: 'in_arrears' },
    effectiveFrom: '2026-01-01T00:00:00Z',
    items: [
      { billingKind: 'droplet_hours', included: '1000', price: { model: 'unit', unitAmount: '0.01' } },
      {
        billingKind: 'api_requests',
        price: {
          model: 'graduated',
          tiers: [
            { upTo: '10000', unitAmount: '0.001' },
            { upTo: null, unitAmount: '0.0005' },
          ],
        },
      },
    ],
  },
  {
    command: 'register-tenant',
    ...{ tenantId: 'acme', name: 'Acme Ltd', currency: 'USD' },
    tax: { name: 'VAT', ratePercent: '20', from: '2026-01-01T00:00:00Z' },
  },
  {
    command: 'register-deployment',
    ...{ deploymentId: 'acme-shop', tenantId: 'acme', name: 'Web shop', from: '2026-04-01T00:00:00Z' },
  },
  {
    command: 'start-subscription',
    ...{ subscriptionId: 'acme-standard', deploymentId: 'acme-shop', planId: 'standard', from: '2026-04-01T00:00:00Z' },
  },
]
  .map(line)
  .join('');

const RESOURCES = rows(
  'provider,provider_id,kind,name,status,seen_at,deployment_id',
  'digitalocean,web-1,droplet,web-1,active,2026-04-01T00:00:00Z,acme-shop',
  'digitalocean,web-2,droplet,web-2,active,2026-04-01T00:00:00Z,acme-shop',
);

const USAGE = rows(
  'deployment_id,resource_id,billing_kind,start,granularity,quantity',
  'acme-shop,gateway,api_requests,2026-04-06T00:00:00Z,day,4000',
  'acme-shop,gateway,api_requests,2026-04-13T00:00:00Z,day,3500',
  'acme-shop,gateway,api_requests,2026-04-20T00:00:00Z,day,5000',
);

const COSTS = rows(
  'provider,invoice,resource_id,kind,start,end,amount,currency,category',
  'digitalocean,2026-04,web-1,droplet,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,6.00,USD,usage',
  'digitalocean,2026-04,web-2,droplet,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,6.00,USD,usage',
  'digitalocean,2026-04,,support,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,2.50,USD,usage',
);

const README = `# A ledger to begin with

| File | What is in it | Read it with |
|---|---|---|
| setup.jsonl | one command a line: plan, tenant, deployment, subscription | ledgerline apply setup.jsonl |
| resources.csv | two servers of the deployment, from 1 April on | ledgerline backfill resources resources.csv |
| usage.csv | readings that your own system counted | ledgerline backfill usage usage.csv |
| costs.csv | the bill of the provider | ledgerline backfill costs costs.csv |

Change names and prices before the first "apply". Later, "ledgerline execute correct-price" and "correct-tenant" do it:
what is recorded is never overwritten. Rows can be added to the CSV files at any time. Read them again: what is the same
is not counted twice, and a changed quantity is a correction.

setup.jsonl    amounts and quantities are text ("0.01"), instants are in UTC. "included" is free each month; a tier with
               "upTo": null is the last; "ratePercent" is the tax.
resources.csv  one row for each time that the inventory saw a resource. "kind" decides what is metered: a droplet gives
               droplet_hours. A row with another status or size holds from its "seen_at" on.
usage.csv      one row a reading: how much ("quantity") of what ("billing_kind"), from "start" on for an hour or a
               day.
costs.csv      one row for each line of the provider's bill. A row without a resource is attributed to nobody.

"ledgerline commands" lists all commands, and "ledgerline commands publish-plan" shows the fields of one.
`;

export const STARTER_FILES: ReadonlyMap<string, string> = new Map([
  ['README.md', README],
  ['setup.jsonl', SETUP],
  ['resources.csv', RESOURCES],
  ['usage.csv', USAGE],
  ['costs.csv', COSTS],
]);
