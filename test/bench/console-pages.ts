import type { Page } from 'playwright-core';
import { closeBrowser, signIn, visiting } from '../support/browser.js';

/** How often it is looked. */
const LOOK_MS = 10;

/** Whether all of a page is there. */
const IS_SHOWN = `
  document.querySelector('h1:not([data-left])') !== null && document.querySelector('[role=status][aria-label=Loading]') === null &&
  !/Loading/.test(document.querySelector('main').textContent)`;

/** Milliseconds from asking for a page of the console until all of it is shown. */
async function shownAfter(page: Page, path: string): Promise<number> {
  await page.evaluate("document.querySelector('h1')?.setAttribute('data-left', '')");
  const start = performance.now();
  // As a link does: the program stays.
  await page.evaluate(`history.pushState(null, '', '/console/${path}')`);
  while ((await page.evaluate(IS_SHOWN)) !== true) await page.waitForTimeout(LOOK_MS);
  return performance.now() - start;
}

/** Each page, opened for the first time after signing in. */
export async function consolePages(
  url: string,
  token: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  try {
    return await visiting({}, async ({ page }) => {
      await page.clock.setFixedTime('2026-05-10T00:00:00Z');
      await signIn(page, url, token);
      const times = new Map<string, number>();
      for (const path of paths) times.set(path, await shownAfter(page, path));
      return times;
    });
  } finally {
    await closeBrowser();
  }
}
