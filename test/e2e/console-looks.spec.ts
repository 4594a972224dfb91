import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { z } from 'zod';
import { hindrances } from '../support/accessible.js';
import { apiForAll } from '../support/api.js';
import { closeBrowser, signIn, visiting } from '../support/browser.js';
import { invoiceOfShop } from '../support/console-ledger.js';

// All pages of each role in a real browser, light and dark, wide and narrow.

const api = apiForAll();
let number = '';
beforeAll(async () => {
  number = await invoiceOfShop(api());
  // So that the pages of shop and of the invoice show it.
  const collect = { command: 'issue-consolidated-invoice', payerId: 'shop', currency: 'USD', invoiceIds: [number] };
  expect((await api().command({ ...collect, at: '2026-05-01T00:00:00Z' })).body).toMatchObject({ status: 'done' });
  // A payer, and a tenant whose invoice it is to pay.
  const at = '2026-04-03T00:00:00Z';
  const payer = { command: 'set-payer', tenantId: 'berlin', payerId: 'shop', effectiveFrom: '2026-01-01T00:00:00Z' };
  const drafting = { command: 'create-invoice', tenantId: 'berlin', asOf: at, unmetered: 'bill' };
  expect((await api().command(payer)).body).toMatchObject({ status: 'done' });
  const zDrafted = z.object({ result: z.object({ invoices: z.array(z.object({ invoiceId: z.string() })) }) });
  const invoiceId = zDrafted.parse((await api().command(drafting)).body).result.invoices[0]?.invoiceId;
  expect((await api().command({ command: 'issue-invoice', invoiceId, at })).body).toMatchObject({ status: 'done' });
});
afterAll(closeBrowser);

const [WIDE, NARROW] = [1440, 390];
/** What depends on colors and sizes. The document itself is the same in all looks. */
const OF_LOOKS = ['color-contrast', 'link-in-text-block', 'scrollable-region-focusable', 'target-size'] as const;

/** In this order one thing changes at a time. */
const LOOKS = [
  { width: WIDE, colorScheme: 'light' },
  { width: WIDE, colorScheme: 'dark', rules: OF_LOOKS },
  { width: NARROW, colorScheme: 'dark', rules: OF_LOOKS },
  { width: NARROW, colorScheme: 'light', rules: OF_LOOKS },
] as const;

const OF_ALL = ['invoices', 'rates?key=VmCores%2Fstandard%40eu', 'plans', 'settings'];
const OF_STAFF = [
  ...OF_ALL,
  ...[
    'home',
    'tenants',
    'tenants/shop?accountMonth=2026-04',
    'tenants/berlin?accountMonth=2026-04',
    'usage?deployment=shop-prod&month=2026-04',
    'projections',
    'audit',
  ],
];
const VIEWS = ['month', 'sharing', 'units', 'bridge', 'reconciliation', 'estimates', 'alerts'];
const MARGIN = [
  ...VIEWS.map((view) => `margin?month=2026-04&view=${view}`),
  ...['deployment', 'kind'].map((by) => `margin?month=2026-04&by=${by}`),
];
/** The elements that change over time although the browser asks for less motion. */
const MOVING = `[...document.querySelectorAll('*')]
  .map((element) => [element, getComputedStyle(element)])
  .filter(([, style]) => style.animationName !== 'none' || /[1-9]/.test(style.transitionDuration))
  .map(([element]) => element.outerHTML.slice(0, 120))`;
const ownInvoice = (of: string): string[] => [`invoices/${of}`, `explain/${of}`];

it.each([
  ['platform_admin', () => [...OF_STAFF, ...MARGIN, 'what-if', ...ownInvoice(number)]],
  // The pages of a platform_admin with less in them: one look suffices.
  ['operator', () => [...OF_STAFF, 'what-if', ...ownInvoice(number)], LOOKS.slice(0, 1)],
  ['auditor', () => [...OF_STAFF, ...ownInvoice(number)]],
  ['tenant', () => [...OF_ALL, 'overview', 'usage?deployment=acme-prod&month=2026-04', ...ownInvoice('INV-000001')]],
])('are accessible to a %s, in each look', async (role, pages, looks: readonly (typeof LOOKS)[number][] = LOOKS) => {
  await visiting({}, async ({ page, faults }) => {
    await signIn(page, api().url, api().tokens.get(role) ?? '');
    const found: string[] = [];
    for (const path of pages()) {
      await page.goto(`${api().url}/console/${path}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.getByRole('status', { name: 'Loading' }).first().waitFor({ state: 'detached' });
      await page.waitForLoadState('networkidle');
      for (const { width, colorScheme, ...only } of looks) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme });
        // Charts are drawn again in the frame after their size has changed.
        await page.evaluate('new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))');
        expect(await page.evaluate('document.documentElement.dataset.mantineColorScheme')).toBe(colorScheme);
        const look = `${path}, ${colorScheme}, ${width} px`;
        if ((await page.evaluate('document.documentElement.scrollWidth > innerWidth')) === true)
          found.push(`${look}: wider than the screen`);
        expect(await page.evaluate(MOVING)).toEqual([]);
        const rules = 'rules' in only ? only.rules : undefined;
        found.push(...(await hindrances(page, rules)).map((each) => `${look}: ${each}`));
      }
    }
    expect(found).toEqual([]);
    expect(faults).toEqual([]);
  });
});
