import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { z } from 'zod';
import { apiForAll } from '../support/api.js';
import { closeBrowser, signIn, visiting } from '../support/browser.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { csvOf } from '../support/console-dialogs.js';

// Very many readings in a real browser: the explanation of their invoice, and the list of them.

const api = apiForAll();
afterAll(closeBrowser);

const [COMMANDS, EACH] = [260, 40];
const zCreated = z.object({ result: z.object({ invoices: z.tuple([z.object({ invoiceId: z.string() })]) }) });

/** 260 × 40 = 10,400 readings of 1, and with each 40 of them one of another kind. */
async function invoiceOfMany(): Promise<string> {
  const readings = Array.from({ length: COMMANDS }, (_, n) => ({
    command: 'observe-usage',
    deploymentId: 'many-prod',
    observations: Array.from({ length: EACH }, (_each, m) => ({
      ...{ resourceId: `r-${n}-${m}`, billingKind: 'requests', granularity: 'day', quantity: '1' },
      period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
    })).concat({
      ...{ resourceId: `c-${n}`, billingKind: 'calls', granularity: 'day', quantity: '1' },
      period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
    }),
  }));
  const { body } = await api().command([
    tenant('many', { name: 'Many' }),
    deployment('many-prod', 'many'),
    plan(
      'requests',
      '0',
      ['requests', 'calls'].map((billingKind) => ({ billingKind, price: { model: 'unit', unitAmount: '0.01' } })),
    ),
    subscription('many-sub', 'many-prod', 'requests'),
    ...readings,
  ]);
  expect(body).toHaveLength(COMMANDS + 4);
  const at = '2026-04-14T00:00:00Z';
  const created = await api().command({ command: 'create-invoice', tenantId: 'many', asOf: at });
  const [{ invoiceId }] = zCreated.parse(created.body).result.invoices;
  expect((await api().command({ command: 'issue-invoice', invoiceId, at })).body).toMatchObject({ status: 'done' });
  return invoiceId;
}

let invoiceId = '';
beforeAll(async () => {
  invoiceId = await invoiceOfMany();
});

it('opens with the first events of a row, and shows more when asked', async () => {
  await visiting({}, async ({ page, faults, asked }) => {
    await signIn(page, api().url, api().tokens.get('operator') ?? '');
    const answered = page.waitForResponse((response) => response.url().includes('/audit/explain/'));
    await page.goto(`${api().url}/console/explain/${invoiceId}`);
    // What is sent does not grow with the readings: an event is some 400 characters of JSON.
    expect((await (await answered).body()).length).toBeLessThan(100_000);
    await page.getByText('requests: 10400 × 0.01 = 104.00').waitFor();
    await page.getByText('Usage: 10400 readings, 10,400').waitFor();
    // 260 of readings, PlanPublished, DeploymentRegistered, SubscriptionStarted, LineOpened and LineSplit.
    const eventsOf = async (row: string) => {
      const events = page.locator('.tree > details', { hasText: row }).locator('details', { hasText: 'Events: 265' });
      await events.getByText('Events: 265').click();
      return events;
    };
    const [list, other] = [await eventsOf('requests: 10400'), await eventsOf('calls: 260')];
    await list.getByText('50 of 265 events').waitFor();
    expect(await list.getByRole('link').count()).toBe(50);
    await list.getByRole('button', { name: 'Show more events' }).click();
    // It stays open.
    await list.getByText('250 of 265 events').waitFor();
    await other.getByText('50 of 265 events').waitFor();
    await list.getByRole('button', { name: 'Show more events' }).click();
    await list.getByRole('button', { name: 'Show more events' }).waitFor({ state: 'detached' });
    expect(await list.getByRole('link').count()).toBe(265);
    // Other lists stay as they are, and so do their requests.
    expect(await other.getByRole('link').count()).toBe(50);
    expect(asked.filter((path) => path.endsWith(`/audit/explain/${invoiceId}`))).toHaveLength(1);
    expect(faults).toEqual([]);
  });
});

it('lists the first readings, says so where it filters them, and exports all', async () => {
  const address = `${api().url}/console/usage?deployment=many-prod&month=2026-04`;
  await visiting({}, async ({ page, faults }) => {
    await signIn(page, api().url, api().tokens.get('operator') ?? '');
    await page.goto(address);
    const records = page.getByRole('region', { name: 'Records' });
    await records.getByText('500 or more').waitFor();
    const lines = (await csvOf(page, records)).split('\r\n');
    // The titles, 260 × (40 + 1) = 10,660 readings, and the end of the last line
    expect(lines).toHaveLength(10_662);
    await page.goto(address);
    await records.getByText('500 or more').waitFor();
    await page.getByLabel('Filter usage records').fill('r-259-39');
    const partial = records.getByText('Only the first 500 rows are filtered and sorted: there are more.');
    await partial.waitFor();
    await records.getByRole('button', { name: 'Load all rows' }).click();
    await records.getByText('1 of 10660').waitFor();
    await records.getByRole('row', { name: /r-259-39/ }).waitFor();
    expect(await partial.count()).toBe(0);
    expect(faults).toEqual([]);
  });
});
