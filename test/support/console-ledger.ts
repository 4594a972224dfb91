import { expect } from '@jest/globals';
import { z } from 'zod';
import type { TestApi } from './api.js';
import { deployment, plan, subscription, tenant } from './commands.js';

const KEY = { resourceType: 'VmCores', resourceFamily: 'standard', location: 'eu' };
/** A name that a page must show as text. */
export const HOSTILE = '<img src=x onerror="window.hacked = true">';

/** 10 hours at 0.30 before the middle of April, and 5 after it. The first are invoiced. */
const COMMANDS = [
  tenant('shop', { name: 'Shop' }),
  tenant('hostile', { name: HOSTILE }),
  tenant('berlin', { name: 'Berlin Shop', timeZone: 'Europe/Berlin' }),
  deployment('berlin-prod', 'berlin'),
  plan('flat', '12.00', [{ billingKind: 'seat', price: { model: 'unit', unitAmount: '2.00' } }]),
  subscription('berlin-sub', 'berlin-prod', 'flat'),
  {
    command: 'observe-usage',
    deploymentId: 'berlin-prod',
    observations: [
      {
        resourceId: 'seat-1',
        billingKind: 'seat',
        period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
        granularity: 'day',
        quantity: '3',
      },
    ],
  },
  deployment('shop-prod', 'shop'),
  plan('cloud', '0', [{ billingKind: 'vm', price: { model: 'rate_card' } }], { paymentTerm: 'in_arrears' }),
  subscription('shop-sub', 'shop-prod', 'cloud'),
  { command: 'set-rate', ...KEY, unitPrice: '0.30', effectiveFrom: '2026-01-01T00:00:00Z' },
  ...[
    ['2026-04-02', '10'],
    ['2026-04-13', '5'],
  ].map(([date, quantity]) => ({
    command: 'observe-usage',
    deploymentId: 'shop-prod',
    observations: [
      {
        resourceId: 'vm-1',
        billingKind: 'vm',
        period: { start: `${date}T00:00:00Z`, end: `${date}T01:00:00Z` },
        granularity: 'hour',
        quantity,
        rateKey: KEY,
      },
    ],
  })),
];

const zCreated = z.object({ result: z.object({ invoices: z.tuple([z.object({ invoiceId: z.string() })]) }) });
const zInvoice = z.object({ number: z.string() });

/** Records the tenants, and answers the number of the invoice of shop. */
export async function invoiceOfShop(api: TestApi): Promise<string> {
  const outcomes = await api.command(COMMANDS);
  expect(outcomes.body).toEqual(COMMANDS.map(() => expect.objectContaining({ status: 'done' })));
  const at = '2026-04-10T00:00:00Z';
  const { body } = await api.command({ command: 'create-invoice', tenantId: 'shop', asOf: at });
  const [{ invoiceId }] = zCreated.parse(body).result.invoices;
  expect((await api.command({ command: 'issue-invoice', invoiceId, at })).body).toMatchObject({ status: 'done' });
  return zInvoice.parse((await api.get('operator', `/api/v1/invoices/${invoiceId}`)).body).number;
}
