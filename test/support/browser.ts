import chromium from '@sparticuz/chromium';
import { type Browser, type BrowserContext, chromium as launcher, type Page } from 'playwright-core';

/** A machine that is loaded to eight times its cores is slow, not wrong. */
const PATIENCE_MS = 300_000;

/** As root there is no sandbox, and a container may have no processor for graphics. */
const ARGS = ['--no-sandbox', '--disable-gpu'];

let browser: Promise<Browser> | undefined;

/** A real Chromium, which runs as any user and needs nothing installed. One for all specs of a file. */
const started = async (): Promise<Browser> =>
  (browser ??= (async () =>
    launcher.launch({ executablePath: await chromium.executablePath(), args: ARGS, headless: true }))());

export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
  browser = undefined;
}

export interface Look {
  readonly width?: number;
  readonly colorScheme?: 'light' | 'dark';
}

/** A person at a browser of their own. `faults`: what the browser complained about. `asked`: the paths of requests. */
export interface Visitor {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly faults: string[];
  readonly asked: string[];
}

export async function visiting<Result>(look: Look, work: (visitor: Visitor) => Promise<Result>): Promise<Result> {
  const context = await (
    await started()
  ).newContext({
    viewport: { width: look.width ?? 1440, height: 900 },
    colorScheme: look.colorScheme ?? 'light',
    // Nothing moves, so that what is looked at is what stays.
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const faults: string[] = [];
  const asked: string[] = [];
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(message.text());
  });
  context.on('weberror', (thrown) => faults.push(thrown.error().message));
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  try {
    return await work({ page, context, faults, asked });
  } finally {
    await context.close();
  }
}

/** Signs in with a token, and waits for the first page. */
export async function signIn(page: Page, url: string, token: string): Promise<void> {
  await page.goto(`${url}/console`);
  await page.locator('input[type=password]').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
}
