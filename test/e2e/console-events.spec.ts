import { afterAll, expect, it } from '@jest/globals';
import { z } from 'zod';
import { apiForAll } from '../support/api.js';
import { closeBrowser, signIn, visiting } from '../support/browser.js';
import { tenant } from '../support/commands.js';

// The events of the log, in a real browser, on the ledger of the story.

const api = apiForAll();
afterAll(closeBrowser);

const zEvents = z.object({
  items: z.array(z.object({ actor: z.string(), position: z.int(), recordedAt: z.string() })).min(1),
});

it('are listed from the newest on, by actor and days, and what is typed goes back with the page', async () => {
  const registered = await api().post('platform_admin', '/api/v1/commands', tenant('newest', { name: 'Newest' }));
  expect(registered.body).toMatchObject({ status: 'done' });
  const { body } = await api().get('auditor', '/api/v1/audit/events?order=newest&limit=1000');
  const { items } = zEvents.parse(body);
  const day = items.at(-1)?.recordedAt.slice(0, 10) ?? '';
  await visiting({}, async ({ page, faults }) => {
    await signIn(page, api().url, api().tokens.get('auditor') ?? '');
    await page.goto(`${api().url}/console/audit`);
    const events = page.getByRole('table', { name: 'events' });
    const positions = async (): Promise<string[]> => events.locator('tbody tr td:first-child').allInnerTexts();
    await events.getByRole('row', { name: /TenantRegistered tenant-newest .* platform_admin@specs/ }).waitFor();
    expect(await positions()).toEqual(items.slice(0, 50).map(({ position }) => String(position)));

    const admins = items.filter(({ actor }) => actor === 'platform_admin@specs');
    await page.getByLabel('Actor').fill('platform_admin@specs');
    await page.getByLabel('Actor').press('Enter');
    await page
      .getByRole('region', { name: 'Events' })
      .getByRole('paragraph')
      .getByText(String(admins.length), { exact: true })
      .waitFor();
    expect(await positions()).toEqual(admins.map(({ position }) => String(position)));
    await page.goBack();
    await page
      .getByRole('region', { name: 'Events' })
      .getByRole('paragraph')
      .getByText(String(items.length), { exact: true })
      .waitFor();
    // What the address no longer has is no longer in the field.
    expect(await page.getByLabel('Actor').inputValue()).toBe('');

    await page.getByLabel('Recorded up to').fill('2020-01-01');
    await page.getByLabel('Recorded up to').press('Enter');
    await page.getByText('No event is of this type').waitFor();
    await page.getByLabel('Recorded from').fill('2020-01-02');
    await page.getByLabel('Recorded from').press('Enter');
    await page.getByText('Enter a day that is not before the first').waitFor();
    await page.goto(`${api().url}/console/audit?since=${day}&order=oldest`);
    await events.getByRole('row').nth(1).waitFor();
    expect((await positions())[0]).toBe(String(items.at(-1)?.position));
    expect(faults).toEqual([]);
  });
});
