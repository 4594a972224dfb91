import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { z } from 'zod';
import { Audit } from '#audit/audit';
import { evaluateAlerts } from '#billing/alerts/evaluate-alerts';
import { instant } from '#domain/time/instant';
import { LedgerCore } from '#ledger/ledger-core';
import { newSigner } from '#transparency/note';
import { carryOutRebuilds } from '#operations/rebuild-work';
import { apiForAll } from '../support/api.js';
import { closeBrowser, signIn, visiting, type Visitor } from '../support/browser.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { HOSTILE, invoiceOfShop } from '../support/console-ledger.js';

// A real browser against the real API, as people use the console.

const api = apiForAll();
const zCreated = z.object({ result: z.object({ invoices: z.array(z.object({ invoiceId: z.string() })) }) });

let number = '';
beforeAll(async () => {
  number = await invoiceOfShop(api());
});
afterAll(closeBrowser);

const signedIn = async <Result>(
  who: string,
  work: (visitor: Visitor) => Promise<Result>,
  look: Parameters<typeof visiting>[0] = {},
): Promise<Result> =>
  visiting(look, async (visitor) => {
    await signIn(visitor.page, api().url, api().tokens.get(who) ?? '');
    const result = await work(visitor);
    expect(visitor.faults).toEqual([]);
    return result;
  });

const open = async (page: Page, path: string): Promise<void> => {
  await page.goto(`${api().url}/console/${path}`);
};

describe('signing in', () => {
  it('refuses a wrong token at once, and says so', async () => {
    await visiting({}, async ({ page }) => {
      await page.goto(`${api().url}/`);
      const field = page.locator('input[type=password]');
      await field.fill('not a token');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('This is not a token of Ledgerline. Paste all of it.').waitFor();
      const forged = (api().tokens.get('operator') ?? '').replace(/\.[^.]*$/, '.AAAA');
      await field.fill(forged);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('alert').getByText('Not signed in').waitFor();
      expect(await page.getByRole('navigation').count()).toBe(0);
    });
  });

  it('stays in its tab, or in all tabs if asked to, until signing out', async () => {
    await signedIn('operator', async ({ page, context }) => {
      const other = await context.newPage();
      await other.goto(`${api().url}/console`);
      await other.getByRole('button', { name: 'Sign in' }).waitFor();
      await other.locator('input[type=password]').fill(api().tokens.get('operator') ?? '');
      await other.getByLabel('Stay signed in, in all tabs of this browser').check();
      await other.getByRole('button', { name: 'Sign in' }).click();
      await other.getByRole('navigation', { name: 'Pages' }).waitFor();
      const third = await context.newPage();
      await third.goto(`${api().url}/console`);
      await third.getByRole('navigation', { name: 'Pages' }).waitFor();
      await third.getByRole('button', { name: 'Sign out' }).click();
      await third.getByRole('button', { name: 'Sign in' }).waitFor();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.reload();
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
      expect(await context.cookies()).toEqual([]);
    });
  });
});

describe('what needs someone', () => {
  it('is not called nothing while it is still looked for', async () => {
    await signedIn('operator', async ({ page }) => {
      const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
      await page.route('**/api/v1/unbilled*', async (route) => {
        await held;
        await route.continue();
      });
      await page.reload();
      await page.getByText('Looking for kinds of usage that no line bills …').waitFor();
      expect(await page.getByText('Nothing: all usage is billed').count()).toBe(0);
      release(undefined);
      await page.getByText('Looking for kinds of usage that no line bills …').waitFor({ state: 'detached' });
    });
  });
});

describe('alerts about margin', () => {
  it('are counted on Home of a platform_admin, and listed', async () => {
    const core = api().app.get(LedgerCore);
    await api().post('platform_admin', '/api/v1/commands', {
      ...{ command: 'set-margin-alert', alertId: 'any', when: 'margin_below', percent: '1000' },
      effectiveFrom: '2026-01-01T00:00:00Z',
    });
    await core.projector.catchUp();
    const worker = { actor: 'scheduler', role: 'operator' as const, now: instant('2026-08-01T00:00:00Z') };
    const { raised } = await evaluateAlerts(core, worker, null);
    expect(raised).toBeGreaterThan(0);
    await signedIn('platform_admin', async ({ page }) => {
      await page.getByRole('link', { name: `${raised} alerts about margin and cost` }).click();
      const alerts = page.getByRole('table', { name: 'raised alerts' });
      await alerts
        .getByRole('row', { name: /any Margin below a percentage/ })
        .first()
        .waitFor();
    });
  });
});

describe('an invoice', () => {
  it('is found by its number, drawn to scale, and explained down to its events', async () => {
    await signedIn('operator', async ({ page }) => {
      await page.getByLabel('Search').fill(number.toLowerCase());
      await page.getByLabel('Search').press('Enter');
      await page.getByRole('heading', { name: number }).waitFor();
      // 10 × 0.30 = 3.00
      await page.getByText('$3.00').first().waitFor();
      const scale = page.getByRole('list', { name: 'Parts of the line over its period' });
      // 9 of 30 days: 1 to 10 April of April.
      const own = scale.getByText('this invoice $3.00');
      await own.waitFor();
      expect(await scale.locator('li').first().getAttribute('style')).toContain('width: 30%');
      // The line goes on: 5 × 0.30 = 1.50 is gathering.
      await scale.getByText('gathering $1.50').waitFor();
      await page.getByRole('link', { name: 'explain' }).first().click();
      await page.getByText('vm: 10 × 0.30 = 3.00').waitFor();
      await page.getByText(/^Usage: 1 readings, 10$/).waitFor();
      await page.getByText(/^Price: /).click();
      await page.getByText(/^VmCores.standard@eu: 0.30? from 1 Jan 2026, 00:00$/).waitFor();
      await page.getByText(/^Events: /).click();
      await page
        .getByRole('link', { name: /UsageObserved/ })
        .first()
        .click();
      // And upwards again: what the event is used in.
      await page.getByText('Used in').waitFor();
      await page.getByRole('link', { name: number }).waitFor();
      // What an event says is told by names, not as JSON.
      const says = page.locator('.fields').first();
      await says.getByText('deployment id').locator('..').getByText('shop-prod').waitFor();
      expect(await page.getByText(/[{}]/).count()).toBe(0);
    });
  });
});

describe('the price of a plan', () => {
  it('is corrected by the same dialog, and asked about without storing anything', async () => {
    await signedIn('platform_admin', async ({ page }) => {
      await open(page, 'plans');
      await page.getByLabel('Filter plans').fill('flat');
      const row = page.getByRole('row', { name: /flat: seat/ });
      await row.getByText('unit amount $2.00').waitFor();
      await row.getByRole('button', { name: 'Correct flat: seat' }).click();
      await page.getByLabel('Unit amount').fill('1.00');
      await page.getByLabel('From').fill('2026-04-01T00:00:00Z');
      await page.getByRole('button', { name: 'Preview in money' }).click();
      // 3 × (1.00 − 2.00) = −3.00
      await page.getByRole('table', { name: 'preview by tenant' }).getByText('-$3.00').waitFor();
      await page.getByText('Margin of April 2026').waitFor();
      await page.getByLabel('Reason').fill('as agreed');
      // Another amount must be previewed before it can be applied.
      await page.getByLabel('Unit amount').fill('1.50');
      await page.getByRole('button', { name: 'Apply' }).waitFor({ state: 'detached' });
      await page.getByLabel('Unit amount').fill('1.00');
      await page.getByRole('button', { name: 'Apply' }).click();
      await page.getByText('The correction is recorded. The next invoices book the difference.').waitFor();
      await page.keyboard.press('Escape');
      await row.getByText('unit amount $1.00').waitFor();
      await page.getByRole('link', { name: 'What if' }).click();
      await page.getByLabel('Month').fill('2026-04');
      await page.getByRole('combobox', { name: 'Price of' }).fill('flat: seat');
      await page.getByRole('option', { name: 'flat: seat' }).click();
      await page.getByLabel('Unit amount').fill('4.00');
      await page.getByRole('button', { name: 'Show what it would be' }).click();
      // 3 × (4.00 − 1.00) = 9.00
      await page.getByRole('table', { name: 'preview by tenant' }).getByText('$9.00').waitFor();
      await page.getByRole('table', { name: 'margin before and after' }).getByText('Revenue').waitFor();
      // The answer is of this amount and this month only.
      await page.getByLabel('Unit amount').fill('5.00');
      expect(await page.getByRole('table', { name: 'preview by tenant' }).count()).toBe(0);
      await page.getByLabel('Unit amount').fill('4.00');
      await page.getByRole('table', { name: 'preview by tenant' }).waitFor();
      await page.getByLabel('Month').fill('2026-03');
      expect(await page.getByRole('table', { name: 'preview by tenant' }).count()).toBe(0);
      await page.getByLabel('Month').fill('');
      await page.getByText('Enter a month such as 2026-04').waitFor();
      await page.getByRole('link', { name: 'Plans' }).click();
      await page.getByLabel('Filter plans').fill('flat');
      await row.getByText('unit amount $1.00').waitFor();
      expect(await page.getByText('unit amount $4.00').count()).toBe(0);
    });
  });
});

describe('a reading, a resource and the tenant of a deployment', () => {
  it('are corrected on the page of usage', async () => {
    await api().post('operator', '/api/v1/commands', [
      tenant('lab', { name: 'Lab' }),
      deployment('lab-prod', 'lab'),
      plan('lab', '0', [{ billingKind: 'seat', price: { model: 'unit', unitAmount: '1.00' } }]),
      subscription('lab-sub', 'lab-prod', 'lab'),
      {
        ...{ command: 'observe-resource', provider: 'do', providerId: 'vm-9', kind: 'droplet', name: 'vm-9' },
        ...{ status: 'active', seenAt: '2026-04-01T00:00:00Z', deploymentId: 'lab-prod' },
      },
      {
        command: 'observe-usage',
        deploymentId: 'lab-prod',
        observations: [
          {
            ...{ resourceId: 'seat-1', billingKind: 'seat', granularity: 'day', quantity: '9' },
            period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
          },
        ],
      },
    ]);
    const lab = async (path: string): Promise<unknown> =>
      z.object({ items: z.tuple([z.unknown()]) }).parse((await api().get('operator', `/api/v1/${path}`)).body).items[0];
    await signedIn('operator', async ({ page }) => {
      await page.goto(`${api().url}/console/usage?deployment=lab-prod&month=2026-04`);
      const dialog = page.getByRole('dialog');
      const correct = async (button: string, label: string, value: string): Promise<void> => {
        await page.getByRole('button', { name: button }).click();
        await dialog.getByLabel(label).fill(value);
        await dialog.getByRole('button', { name: 'Preview in money' }).click();
        await dialog.getByLabel('Reason').fill('read again');
      };
      const apply = async (): Promise<void> => {
        await dialog.getByRole('button', { name: 'Apply' }).click();
        await dialog.getByText('The correction is recorded.').waitFor();
        await page.keyboard.press('Escape');
      };
      await correct('Correct seat of seat-1', 'Quantity', '4');
      // (4 − 9) seats at 1.00
      await page.getByRole('table', { name: 'preview by tenant' }).getByText('-$5.00').waitFor();
      await apply();
      await page.getByRole('table', { name: 'usage records' }).getByText('4', { exact: true }).waitFor();
      await correct('Correct resource vm-9', 'Status', 'off');
      await apply();
      await correct('Correct the tenant of', 'Tenant', 'shop');
      await apply();
    });
    expect(await lab('usage-records?deploymentId=lab-prod')).toMatchObject({ quantity: '4' });
    expect(await lab('resources?deploymentId=lab-prod&at=2026-04-30T00:00:00Z')).toMatchObject({ status: 'off' });
    expect(await lab('deployments?deploymentId=lab-prod')).toMatchObject({ tenantId: 'shop' });
  });
});

describe('the terms of a plan', () => {
  it('are corrected after a preview in money', async () => {
    await signedIn('operator', async ({ page }) => {
      await open(page, 'plans');
      await page.getByLabel('Filter plans').fill('flat');
      const terms = page.getByRole('button', { name: 'Correct the terms of flat' });
      await terms.first().click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('From').fill('2026-04-01T00:00:00Z');
      await dialog.getByRole('button', { name: 'Preview in money' }).click();
      // These terms end there.
      await dialog.getByRole('alert').getByText('Refused').waitFor();
      await page.keyboard.press('Escape');
      await terms.last().click();
      await dialog.getByLabel('seat: included').fill('2');
      await dialog.getByLabel('From').fill('2026-04-01T00:00:00Z');
      await dialog.getByRole('button', { name: 'Preview in money' }).click();
      // 3 seats at 1.00, of which 2 are included from now on: −2.00
      await page.getByRole('table', { name: 'preview by tenant' }).getByText('-$2.00').waitFor();
      await dialog.getByLabel('Reason').fill('two seats are free');
      await dialog.getByRole('button', { name: 'Apply' }).click();
      await dialog.getByText('The correction is recorded. The next invoices book the difference.').waitFor();
      await page.keyboard.press('Escape');
      // From April on 2 are included: the others are as they were.
      const seats = page.getByRole('table', { name: 'plans' }).getByRole('row', { name: /flat: seat/ });
      await seats.filter({ hasText: /2\s*1 Apr 2026, 00:00/ }).waitFor();
    });
  });
});

describe('the search', () => {
  it('finds a rate by its key, an event by its position, and a tenant by its deployment', async () => {
    await signedIn('operator', async ({ page, faults }) => {
      await page.getByLabel('Search').fill('VmCores/standard@eu');
      await page.getByLabel('Search').press('Enter');
      await page.getByRole('list', { name: 'Price as known now' }).waitFor();
      await page.getByLabel('Search').fill('1');
      await page.getByLabel('Search').press('Enter');
      await page.getByText('TenantRegistered at position 1').waitFor();
      await page.getByLabel('Search').fill('no such thing');
      await page.getByLabel('Search').press('Enter');
      await page.getByText(/^Nothing is called no such thing/).waitFor();
      await page.getByLabel('Search').fill('berlin-prod');
      await page.getByLabel('Search').press('Enter');
      await page.getByRole('heading', { name: 'Berlin Shop' }).waitFor();
      // A part of a name finds its tenant, or the list of all that have it.
      await page.getByLabel('Search').fill('berl');
      await page.getByLabel('Search').press('Enter');
      await page.waitForURL('**/tenants/berlin');
      await page.getByLabel('Search').fill('sho');
      await page.getByLabel('Search').press('Enter');
      await page.waitForURL('**/tenants?search=sho');
      const found = page.getByRole('table', { name: 'tenants' });
      await found.getByRole('row', { name: /^Berlin Shop berlin/ }).waitFor();
      // The titles, Berlin Shop and Shop
      expect(await found.getByRole('row').count()).toBe(3);
      // Neither 1 nor the second is a tenant or a deployment, nor are the parts of names; the third is no tenant.
      expect(faults.splice(0)).toEqual(Array.from({ length: 9 }, () => expect.stringContaining('404')));
    });
  });
});

describe('the keyboard alone', () => {
  it('signs in, finds an invoice, explains it, goes back, and keeps the focus', async () => {
    await visiting({}, async ({ page }) => {
      /** Tabs until the focus is on an element of this name. Each one on the way shows that it has the focus. */
      const tabTo = async (name: RegExp): Promise<void> => {
        for (let left = 100; left > 0; left -= 1) {
          const { named, isShown } = z.object({ named: z.string(), isShown: z.boolean() }).parse(
            await page.evaluate(`(() => {
              const at = document.activeElement;
              const label = at.getAttribute('aria-label') ?? (at.labels?.[0]?.textContent || at.textContent);
              const style = getComputedStyle(at);
              const isField = ['INPUT', 'SELECT', 'TEXTAREA'].includes(at.tagName);
              const isShown = isField || at === document.body || at.id === 'main' || style.outlineStyle !== 'none';
              return { named: at === document.body ? '' : (label ?? ''), isShown };
            })()`),
          );
          expect({ named, isShown }).toEqual({ named, isShown: true });
          if (name.test(named)) return;
          await page.keyboard.press('Tab');
        }
        throw new Error(`no element is called ${String(name)}`);
      };
      await page.goto(`${api().url}/console`);
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
      await tabTo(/^Token/);
      await page.keyboard.insertText(api().tokens.get('operator') ?? '');
      await page.keyboard.press('Enter');
      await page.getByRole('navigation', { name: 'Pages' }).waitFor();
      // The first stop leads past the navigation.
      await page.reload();
      await page.getByRole('heading', { level: 1 }).waitFor();
      await tabTo(/^Skip to the content/);
      await page.keyboard.press('Enter');
      expect(await page.evaluate('document.activeElement.id')).toBe('main');
      await page.reload();
      await page.getByRole('heading', { level: 1 }).waitFor();
      await tabTo(/^Search/);
      await page.keyboard.type(number);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: number }).waitFor();
      await page.getByRole('link', { name: 'explain' }).first().waitFor();
      await tabTo(/^explain/);
      await page.keyboard.press('Enter');
      await page.getByText('vm: 10 × 0.30 = 3.00').waitFor();
      await tabTo(/^open the invoice/);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: number }).waitFor();
      await page.getByRole('button', { name: 'Void' }).waitFor();
      await tabTo(/^Void/);
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect(await page.evaluate('document.activeElement.textContent')).toBe('Void');
    });
  });
});

describe('a draft', () => {
  it('is issued as of its instant, shown in the zone of its tenant, and credited, each after a confirmation', async () => {
    const asOf = '2026-04-12T22:30:00Z';
    const { body } = await api().command({ command: 'create-invoice', tenantId: 'berlin', asOf });
    const invoiceId = zCreated.parse(body).result.invoices[0]?.invoiceId ?? '';
    await signedIn('operator', async ({ page, faults }) => {
      await open(page, `invoices/${invoiceId}`);
      await page.getByRole('link', { name: 'Berlin Shop' }).waitFor();
      await page.getByRole('button', { name: 'Issue' }).click();
      await page.getByText('dated 12 Apr 2026, 22:30 UTC?').waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Issue' }).click();
      await page.getByRole('heading', { name: /^INV-/ }).waitFor();
      // 22:30 in UTC is 0:30 in Berlin, in summer.
      const issued = page.getByText('13 Apr 2026, 00:30').nth(1);
      expect(await issued.getAttribute('title')).toBe('12 Apr 2026, 22:30 UTC');
      await page.getByRole('button', { name: 'Credit note' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Amount before tax in USD (empty: all of it)').fill('1000000');
      await dialog.getByLabel('Reason').fill('an outage');
      await dialog.getByRole('button', { name: 'Credit note' }).click();
      await dialog.getByRole('alert').waitFor();
      expect(faults.splice(0)).toEqual([expect.stringContaining('409')]);
      await dialog.getByLabel('Amount before tax in USD (empty: all of it)').fill('1.50');
      await dialog.getByRole('button', { name: 'Credit note' }).click();
      const notes = page.getByRole('table', { name: 'credit notes' });
      await notes.getByText('an outage').waitFor();
      await notes.getByText('$1.50').waitFor();
    });
  });
});

describe('the time machine', () => {
  it('shows every page as of the moment in its address', async () => {
    const events = z
      .object({ items: z.array(z.object({ position: z.number(), recordedAt: z.string() })) })
      .parse((await api().get('operator', '/api/v1/audit/events?type=InvoiceIssued')).body);
    // The first is the one of the story of all specs.
    const { position: last = 0, recordedAt = '' } = events.items[1] ?? {};
    await signedIn('operator', async ({ page }) => {
      await open(page, `invoices?asOf=${last - 1}`);
      await page.getByRole('button', { name: `As of position ${last - 1}` }).waitFor();
      await page.getByText(/^draft /).waitFor();
      expect(await page.getByText(number).count()).toBe(0);
      // Links keep the moment, and "Back to now" leaves it.
      await page.getByRole('link', { name: 'Tenants' }).click();
      await page.waitForURL(`**/tenants?asOf=${last - 1}`);
      await page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
      await page.getByRole('button', { name: /^As of position/ }).click();
      await page.getByRole('button', { name: 'Back to now' }).click();
      await page.getByRole('link', { name: 'Invoices' }).click();
      await page.getByRole('link', { name: number }).waitFor();
      // What is open is rated up to the moment, and not up to today.
      await page.clock.setFixedTime('2035-01-01T00:00:00Z');
      const rated = page.waitForRequest((request) => new URL(request.url()).pathname === '/api/v1/lines');
      await open(page, `tenants/shop?asOf=${last}`);
      expect(new URL((await rated).url()).searchParams.get('at')).toBe(recordedAt);
      // This month is the one of the moment.
      await page.getByRole('link', { name: 'Usage' }).click();
      const month = page.getByRole('textbox', { name: 'Month' });
      await month.waitFor();
      expect(await month.inputValue()).toBe(recordedAt.slice(0, 7));
      await open(page, 'usage?asOf=2026-03-10T00:00:00Z');
      await month.waitFor();
      expect(await month.inputValue()).toBe('2026-03');
      // What is printed is as of the moment, too.
      await open(page, `invoices/${number}?asOf=${last}`);
      const popup = page.waitForEvent('popup');
      await page.getByRole('button', { name: `Document ${number}` }).click();
      await (await popup).getByText('As recorded up to').waitFor();
      await open(page, `what-if?asOf=${last}`);
      await page.getByText('What if answers as of now only').waitFor();
      expect(await page.getByRole('combobox', { name: 'Price of' }).count()).toBe(0);
    });
  });
});

describe('a price', () => {
  it('is corrected after a preview in money', async () => {
    await signedIn('operator', async ({ page }) => {
      await open(page, 'rates?key=VmCores%2Fstandard%40eu');
      await page.getByRole('button', { name: 'Correct this price' }).click();
      await page.getByLabel('Price in USD').fill('0.20');
      await page.getByRole('button', { name: 'Preview in money' }).click();
      // 15 × (0.20 − 0.30) = −1.50, of which 10 × −0.10 = −1.00 on the invoice.
      await page.getByRole('table', { name: 'preview by tenant' }).getByText('-$1.50').waitFor();
      await page.getByRole('table', { name: 'preview by invoice' }).getByText('-$1.00').waitFor();
      expect(await page.getByRole('button', { name: 'Apply' }).isDisabled()).toBe(true);
      await page.getByLabel('Reason').fill('typed wrong');
      await page.getByRole('button', { name: 'Apply' }).click();
      await page.getByText('The correction is recorded. The next invoices book the difference.').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('link', { name: 'Home' }).click();
      // 10 × −0.10 = −1.00 of the issued invoice.
      const owed = page.getByRole('table', { name: 'owed corrections' }).getByRole('row', { name: /shop/ });
      await owed.getByText('-$1.00').waitFor();
      await page.goBack();
      await page.getByRole('list', { name: 'Price as known now' }).getByText('$0.20').waitFor();
      await page.getByRole('img', { name: 'Price over time, in steps: Known now', exact: true }).waitFor();
      await open(page, 'audit');
      await page.getByLabel('Type').fill('RateCorrected');
      await page.getByLabel('Type').press('Enter');
      const correction = page.getByRole('table', { name: 'events' }).getByRole('row', { name: /typed wrong/ });
      const position = Number(await correction.getByRole('link').innerText());
      await page.getByLabel('From position').fill(String(position + 1));
      await page.getByLabel('From position').press('Enter');
      await page.getByText(/^No event is of this type, stream, actor and time/).waitFor();
      await page.getByLabel('From position').fill(String(position));
      await page.getByLabel('From position').press('Enter');
      await correction.waitFor();
      // An address with two moments shows what changed, and asks for nothing more.
      await open(page, `rates?key=VmCores%2Fstandard%40eu&asOf=${position - 1}`);
      await page.getByRole('img', { name: /in steps: Known now, Known at the moment of this page$/ }).waitFor();
      await page.getByRole('list', { name: 'Price as known then' }).getByText('$0.30').waitFor();
      await open(page, `audit?from=${position - 1}&to=${position}`);
      await page.getByText(/^The price of VmCores.standard@eu from .* went from 0\.30? to 0\.20?\.$/).waitFor();
    });
  });
});

describe('what auditors take away', () => {
  it('is checked, verified, and downloaded: checkpoints, and the bundle of an invoice', async () => {
    await api().app.get(Audit).checkpoint(newSigner('ledgerline/specs'));
    await signedIn('auditor', async ({ page }) => {
      await open(page, 'audit');
      await page.getByRole('button', { name: 'Check the ledger' }).click();
      await page.getByText('All is consistent').waitFor();
      await page.getByRole('button', { name: 'Verify the log' }).click();
      await page.getByText('The log is as it was recorded').waitFor();
      const saved = async (click: () => Promise<void>): Promise<string> => {
        const [file] = await Promise.all([page.waitForEvent('download'), click()]);
        return readFileSync(await file.path(), 'utf8');
      };
      const note = await saved(async () =>
        page
          .getByRole('button', { name: /^Download the checkpoint/ })
          .first()
          .click(),
      );
      expect(note).toMatch(/^ledgerline\/specs\n\d+\n/);
      await page.getByLabel('Bundle of invoice').fill(number);
      const bundle: unknown = JSON.parse(
        await saved(async () => page.getByRole('button', { name: 'Download', exact: true }).click()),
      );
      expect(bundle).toMatchObject({ format: 'ledgerline-audit-bundle/1', invoice: { number } });
      await page.getByRole('link', { name: 'Home' }).click();
      await page.getByText(/^Checked on .*: all is consistent/).waitFor();
    });
  });
});

describe('a token', () => {
  it('is issued in the browser, shown once, signs in, and is refused once it is revoked', async () => {
    const token = await signedIn('platform_admin', async ({ page, asked }) => {
      await open(page, 'settings');
      await page.getByRole('button', { name: 'Issue a token' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('combobox', { name: 'Role' }).click();
      await page.getByRole('option', { name: 'tenant' }).click();
      await dialog.getByRole('textbox', { name: 'Tenant', exact: true }).fill('globex');
      await dialog.getByLabel('Ends on (midnight, UTC)').fill('2026-04-20');
      await dialog.getByRole('button', { name: 'Issue', exact: true }).click();
      const shown = await dialog.getByLabel('Token', { exact: true }).innerText();
      await page.keyboard.press('Escape');
      await page.getByRole('table', { name: 'tokens' }).getByText('globex').first().waitFor();
      // The secret is in the answer, and nowhere else.
      expect(await page.content()).not.toContain(shown);
      const log = await api().get('platform_admin', '/api/v1/audit/events?type=TokenIssued');
      expect(JSON.stringify(log.body)).not.toContain(shown);
      expect(asked).toContain('/api/v1/tokens');
      return shown;
    });
    await visiting({}, async ({ page }) => {
      await signIn(page, api().url, token);
      await page.getByRole('heading', { name: 'Globex' }).waitFor();
    });
    await signedIn('platform_admin', async ({ page }) => {
      await open(page, 'settings');
      const row = page.getByRole('table', { name: 'tokens' }).getByRole('row', { name: /globex/ });
      await row.getByRole('button', { name: 'Revoke' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Reason').fill('a test');
      await dialog.getByRole('button', { name: 'Revoke' }).click();
      await dialog.waitFor({ state: 'detached' });
      await row.getByRole('button', { name: 'Revoke' }).waitFor({ state: 'detached' });
    });
    // Others than platform_admin can't, and a token of a tenant that is not there is refused.
    const asked = { role: 'tenant', tenantId: 'nobody', expiresAt: '2026-04-20T00:00:00Z' };
    expect((await api().post('operator', '/api/v1/tokens', asked)).status).toBe(403);
    expect((await api().post('platform_admin', '/api/v1/tokens', asked)).status).toBe(404);
  });
});

describe('the read models', () => {
  it('are rebuilt, watched, compared in rows and money, exchanged and rolled back', async () => {
    // Someone has written into a table: 1.00 too much for acme, as one of its invoices.
    await api().database.pool.query("UPDATE ledgerline.revenue SET amount = amount + 1 WHERE tenant_id = 'shop'");
    const stopping = new AbortController();
    // As a worker does.
    const working = carryOutRebuilds(api().app.get(LedgerCore), stopping.signal, () => undefined);
    try {
      await signedIn('platform_admin', async ({ page }) => {
        const confirm = async (name: string): Promise<void> => {
          await page.getByRole('button', { name, exact: true }).click();
          await page.getByRole('dialog').getByRole('button', { name, exact: true }).click();
          await page.getByRole('dialog').waitFor({ state: 'detached' });
        };
        await open(page, 'projections');
        await page.getByRole('combobox', { name: 'Projections (empty: all)' }).fill('marg');
        await page.getByRole('option', { name: 'margins' }).click();
        await page.keyboard.press('Escape');
        await confirm('Rebuild');
        const rows = page.getByRole('table', { name: 'differences in rows' });
        await rows.getByText('revenue', { exact: true }).waitFor();
        // 3.00 of the invoice and 1.00 that nobody billed.
        const sum = page.getByRole('table', { name: 'differences in money' }).getByRole('row', { name: /shop/ });
        expect(await sum.innerText()).toMatch(/\$4\.00\s+\$3\.00\s+-\$1\.00/);
        await confirm('Accept');
        await page.getByText('The last rebuild is live.').waitFor();
        await confirm('Roll back');
        await page.getByText('The last rollback is done.').waitFor();
        await confirm('Roll back');
        const list = page.getByRole('table', { name: 'rebuilds' });
        await list.getByText('rolled back').nth(1).waitFor();
      });
      // Others do not even ask.
      await signedIn('operator', async ({ page, asked }) => {
        await open(page, 'projections');
        await page.getByRole('table', { name: 'projections' }).waitFor();
        expect(await page.getByRole('button', { name: 'Rebuild' }).count()).toBe(0);
        expect(asked.filter((path) => path.includes('rebuilds'))).toEqual([]);
      });
    } finally {
      stopping.abort();
      await working;
    }
  });
});

describe('what a role may not see', () => {
  it('is not there for a tenant, and is not asked for', async () => {
    await signedIn('globex', async ({ page, asked }) => {
      await page.getByRole('heading', { name: 'Globex' }).waitFor();
      const names = await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').allInnerTexts();
      expect(names).toEqual(['Overview', 'Invoices', 'Usage', 'Rates', 'Plans', 'Settings']);
      await open(page, 'tenants/shop');
      await page.getByText('There is no such page for your role. Choose one on the left.').waitFor();
      const forbidden = /margin|audit\/(events|diff|check)|projections|tokens|proposals/;
      expect(asked.filter((path) => forbidden.test(path))).toEqual([]);
    });
  });

  it('leaves a tenant its own invoices, with their documents and explanations, without who did it', async () => {
    await signedIn('tenant', async ({ page, asked }) => {
      await page.getByRole('table', { name: 'invoices', exact: true }).getByRole('link').click();
      const popup = page.waitForEvent('popup');
      await page.getByRole('button', { name: /^Document INV-/ }).click();
      const document = await popup;
      await document.getByText('Production').first().waitFor();
      // The policy of the page lets the style of the document be.
      expect(await document.evaluate("getComputedStyle(document.querySelector('table')).borderCollapse")).toBe(
        'collapse',
      );
      // 8 × 0.50 = 4.00
      await page.getByRole('row', { name: /4\.00/ }).getByRole('link', { name: 'explain' }).click();
      await page.getByText('gateway: 8 × 0.50 = 4.00').waitFor();
      await page.getByText(/^Usage: 1 readings, 8$/).waitFor();
      expect(
        await page
          .locator('.tree')
          .getByText(/@specs|Events/)
          .count(),
      ).toBe(0);
      expect(asked.filter((path) => /margin|audit\/events|projections/.test(path))).toEqual([]);
    });
  });

  it('is nothing to be written for an auditor', async () => {
    await signedIn('auditor', async ({ page }) => {
      await open(page, `invoices/${number}`);
      await page.getByRole('heading', { name: number }).waitFor();
      expect(await page.getByRole('button', { name: 'Void' }).count()).toBe(0);
    });
  });
});

it('shows hostile names as text', async () => {
  await signedIn('operator', async ({ page }) => {
    await open(page, 'tenants');
    await page.getByText(HOSTILE).click();
    await page.getByRole('heading', { name: HOSTILE }).waitFor();
    expect(await page.evaluate('window.hacked')).toBeUndefined();
  });
});

describe('the pages', () => {
  it('load less than 500 kB before the first is shown', async () => {
    await visiting({}, async ({ page }) => {
      await page.goto(`${api().url}/console`);
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
      const bytes = await page.evaluate(
        "performance.getEntriesByType('resource').reduce((sum, each) => sum + each.encodedBodySize, 0)",
      );
      expect(bytes).toBeGreaterThan(100_000);
      expect(bytes).toBeLessThan(500_000);
    });
  });
});

describe('the pages for programmers', () => {
  const token = () => api().tokens.get('auditor') ?? '';

  it('find an operation of the API, and try it with a token', async () => {
    await visiting({}, async ({ page, faults, asked }) => {
      await page.goto(`${api().url}/api/docs`);
      const filter = page.getByPlaceholder('Filter by tag or path');
      // A command is no path of its own.
      await filter.fill('grant-coupon');
      await page.locator('.opblock').nth(2).waitFor({ state: 'detached' });
      expect(await page.locator('.opblock-summary-path').allTextContents()).toEqual(
        expect.arrayContaining([expect.stringContaining('commands')]),
      );
      await filter.fill('tenants, with their taxes');
      await page.getByRole('button', { name: 'Authorize' }).first().click();
      await page.getByLabel('auth-bearer-value').fill(token());
      await page.getByRole('button', { name: 'Apply credentials' }).click();
      await page.getByRole('button', { name: 'Close', exact: true }).click();
      await page.locator('.opblock-summary-control').first().click();
      await page.getByRole('button', { name: 'Try it out' }).click();
      await page.getByRole('button', { name: 'Execute' }).click();
      await page.locator('.live-responses-table').getByText('Berlin Shop').first().waitFor();
      expect(faults).toEqual([]);
      expect(new Set(asked.filter((path) => !path.startsWith('/console/assets/')))).toEqual(
        new Set(['/api/docs', '/api/docs-json', '/api/v1/tenants']),
      );
      // A problem links to its kind.
      await page.goto(`${api().url}/api/docs#not_found`);
      expect(await page.locator('#not_found').textContent()).toContain('404');
    });
  });

  it('run a query with a token', async () => {
    await visiting({}, async ({ page, faults }) => {
      await page.goto(`${api().url}/graphiql`);
      // Typed, and begun while the editor is still being loaded: the query stays.
      await page.getByLabel('Token').pressSequentially(token());
      await page.locator('.graphiql-query-editor').getByText('nextCursor').waitFor();
      await page.getByRole('button', { name: /^Execute query/ }).click();
      // What is out of sight is not in the page.
      await page
        .locator('.result-window')
        .getByText(/INV-\d{6}/)
        .first()
        .waitFor();
      // Before the token was given, it asked for the schema.
      expect(faults.filter((fault) => !fault.includes('401'))).toEqual([]);
    });
  });
});
