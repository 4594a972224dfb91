import { expect } from '@jest/globals';
import { readFileSync } from 'node:fs';
import type { Locator, Page } from 'playwright-core';
import { hindrances } from './accessible.js';

/** The open dialog in which a fact is changed: what it would change is shown first. */
export const preview = async (page: Page): Promise<void> =>
  page.getByRole('dialog').getByRole('button', { name: 'Preview in money' }).click();

export async function shows(page: Page, table: string, row: RegExp): Promise<void> {
  await page
    .getByRole('dialog')
    .getByRole('table', { name: table, exact: true })
    .getByRole('row', { name: row })
    .waitFor();
}

/** Applies what is previewed in the open dialog, which is accessible, and closes it. */
export async function apply(page: Page, recorded: RegExp): Promise<void> {
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Reason').waitFor();
  expect(await hindrances(page)).toEqual([]);
  await dialog.getByLabel('Reason').fill('as agreed');
  await dialog.getByRole('button', { name: 'Apply' }).click();
  await dialog.getByText(recorded).waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
}

/** What the browser saves when a table's button CSV is clicked. `place` has this table alone. */
export async function csvOf(page: Page, place: Locator): Promise<string> {
  const saving = page.waitForEvent('download');
  await place.getByRole('button', { name: 'CSV', exact: true }).click();
  return readFileSync(await (await saving).path(), 'utf8');
}
