import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { z } from 'zod';
import { apiForAll, april } from '../support/api.js';
import { closeBrowser, signIn, visiting } from '../support/browser.js';
import { apply, csvOf, preview, shows } from '../support/console-dialogs.js';

// The page Margin of the console in a real browser, on the ledger of the story.

const api = apiForAll();
beforeAll(async () => {
  const billed = { chargePeriod: april, currency: 'USD', category: 'usage' };
  const commands = [
    {
      ...{ command: 'record-cost', provider: 'digitalocean', invoiceRef: 'do-support' },
      lines: [{ lineKey: '1', kind: 'support', amount: '0.10', ...billed }],
    },
    // A resource of globex that is in no deployment.
    {
      ...{ command: 'observe-resource', provider: 'digitalocean', providerId: 'ip-1', kind: 'address', name: 'spare' },
      ...{ status: 'active', seenAt: april.start, tenantId: 'globex' },
    },
    {
      ...{ command: 'record-cost', provider: 'digitalocean', invoiceRef: 'do-addresses' },
      lines: [{ lineKey: '1', kind: 'address', resourceId: 'ip-1', amount: '0.30', ...billed }],
    },
  ];
  for (const command of commands) expect((await api().command(command)).body).toMatchObject({ status: 'done' });
});
afterAll(closeBrowser);

const onPage = async (address: string, work: (page: Page, faults: string[]) => Promise<void>): Promise<void> =>
  visiting({}, async ({ page, faults }) => {
    await signIn(page, api().url, api().tokens.get('platform_admin') ?? '');
    await page.goto(`${api().url}/console/margin?month=2026-04${address}`);
    await work(page, faults);
    expect(faults).toEqual([]);
  });

describe('the margin of a month', () => {
  it('opens a tenant in place down to its invoices, cost lines and events', async () => {
    await onPage('', async (page) => {
      await page.getByRole('button', { name: 'Open acme' }).click();
      const revenue = page.getByRole('table', { name: 'revenue of margin:2026-04/USD/acme' });
      await revenue.getByRole('link', { name: /^INV-/ }).first().waitFor();
      const cost = page.getByRole('table', { name: 'cost of margin:2026-04/USD/acme' });
      await cost.getByRole('row', { name: /digitalocean\/do-2026-04\/1.*\$2\.90/ }).waitFor();
      await page.getByRole('button', { name: 'Close acme' }).click();
      expect(await revenue.count()).toBe(0);
    });
  });

  it('shows what is first to choose where the address names no choice', async () => {
    await onPage('&view=soon&by=soon&largest=soon', async (page) => {
      await page.getByRole('tab', { name: 'Month', selected: true }).waitFor();
      await page.getByRole('radio', { name: 'tenant', checked: true }).waitFor({ state: 'attached' });
      await page.getByRole('radio', { name: 'Revenue', checked: true }).waitFor({ state: 'attached' });
      await page.getByRole('table', { name: 'margin by tenant' }).waitFor();
    });
    await onPage('&view=alerts&state=soon', async (page) => {
      await page.getByRole('radio', { name: 'Raised', checked: true }).waitFor({ state: 'attached' });
    });
  });

  it('asks for deployments only where they are shown', async () => {
    await onPage('', async (page) => {
      const asked: (string | null)[] = [];
      page.on('request', (request) => {
        const { pathname, searchParams } = new URL(request.url());
        if (pathname.endsWith('/dashboard/margin')) asked.push(searchParams.get('withoutDeployments'));
      });
      await page.reload();
      await page.getByRole('button', { name: 'Open acme' }).waitFor();
      expect(asked).toEqual(['true']);
      await page.getByRole('radiogroup', { name: 'Margin by' }).getByText('deployment').click();
      await page.getByRole('button', { name: 'Open acme acme-prod' }).waitFor();
      expect(asked).toEqual(['true', null]);
    });
  });

  it('opens kinds and cost of no tenant to cost lines, which a policy shares after a preview in money', async () => {
    await onPage('&by=kind', async (page, faults) => {
      // gw-1 is in the deployment from 2 April: 29 of 30 days of 3.00
      await page.getByRole('button', { name: 'Open cost of gateway' }).click();
      const lines = page.getByRole('table', { name: 'cost of gateway' });
      await lines.getByRole('row', { name: /digitalocean\/do-2026-04\/1 gateway Acme.*\$2\.90/ }).waitFor();
      await page.getByRole('button', { name: 'Open the cost of no tenant' }).click();
      const nobody = page.getByRole('table', { name: 'cost of no tenant' });
      await nobody.getByRole('row', { name: /digitalocean\/do-support\/1 support None.*\$0\.10/ }).waitFor();

      const idle = page.getByRole('table', { name: 'idle cost', exact: true });
      await idle.getByRole('row', { name: /digitalocean address in no deployment \$0\.30 \$0\.00 \$0\.30/ }).waitFor();
      const holders = page.getByRole('table', { name: 'idle cost by holder' });
      await holders.getByRole('row', { name: /Globex – \$0\.30/ }).waitFor();

      await page.getByRole('tab', { name: 'Shared cost' }).click();
      await page.getByText('No policy is in force in April 2026').waitFor();
      await page.getByRole('button', { name: 'Set a policy' }).click();
      const dialog = page.getByRole('dialog');
      const choose = async (label: string, name: string): Promise<void> => {
        await dialog.getByRole('combobox', { name: label }).click();
        await page.getByRole('option', { name, exact: true }).click();
      };
      const preview = dialog.getByRole('button', { name: 'Preview in money' });
      const changes = dialog.getByRole('table', { name: 'preview by tenant' });
      const apply = async (): Promise<void> => {
        await dialog.getByLabel('Reason').fill('as agreed');
        await dialog.getByRole('button', { name: 'Apply' }).click();
        await dialog.getByText('The policy is recorded.').waitFor();
        await page.keyboard.press('Escape');
      };
      await dialog.getByLabel('Name of the policy').fill('spread');
      await choose('How it is shared', 'By weights');
      await choose('Tenant 1', 'Acme (acme)');
      await dialog.getByLabel('Percent 1').fill('60');
      await dialog.getByRole('button', { name: 'Add a tenant' }).click();
      await choose('Tenant 2', 'Globex (globex)');
      await dialog.getByLabel('Percent 2').fill('50');
      await preview.click();
      await dialog.getByRole('alert').getByText('weights must come to 100 %, not 110 %').waitFor();
      expect(faults.splice(0)).toEqual([expect.stringContaining('400 (Bad Request)')]);
      await dialog.getByLabel('Percent 2').fill('40');
      await preview.click();
      // 60 % of 0.10
      await changes.getByRole('row', { name: /Acme acme \$0\.00 \$0\.06.*-\$0\.06$/ }).waitFor();
      // Other terms are previewed before they can be applied.
      await dialog.getByLabel('Until').fill('2026-05-01T00:00:00Z');
      expect(await dialog.getByRole('button', { name: 'Apply' }).count()).toBe(0);
      await preview.click();
      await apply();
      const policies = page.getByRole('table', { name: 'policies of shared cost' });
      await policies.getByRole('row', { name: /spread cost of no tenant By weights.*\$0\.10/ }).waitFor();

      await policies.getByRole('button', { name: 'Correct spread' }).click();
      await dialog.getByLabel('Percent 1').fill('70');
      await dialog.getByLabel('Percent 2').fill('30');
      await preview.click();
      await changes.getByRole('row', { name: /Acme acme \$0\.06 \$0\.07.*-\$0\.01$/ }).waitFor();
      await apply();
      await page.getByRole('tab', { name: 'Month' }).click();
      await page.getByText('tenant', { exact: true }).click();
      // 3.99 − 3.00 = 0.99; less 70 % of 0.10 it is 0.92
      const acme = page.getByRole('row', { name: /Acme acme \$3\.99 \$3\.00 \$0\.99 \$0\.07 \$0\.92/ });
      await acme.getByRole('button', { name: 'Open acme' }).click();
      const shared = page.getByRole('table', { name: 'shared cost of margin:2026-04/USD/acme' });
      await shared.getByRole('row', { name: /spread 0\.10 × 70 \/ 100 = 0\.07/ }).waitFor();
      // Before it was set, nothing was shared, and the past is not changed.
      await page.goto(`${api().url}/console/margin?month=2026-04&view=sharing&asOf=10`);
      await page.getByText('No policy is in force in April 2026').waitFor();
      expect(await page.getByRole('button', { name: 'Set a policy' }).count()).toBe(0);
    });
  });

  it('is drawn with its largest parts, each of which opens its row, also on a narrow screen and by keyboard', async () => {
    // Kinds of the provider that cost 1 to 12, in another currency than the story.
    const command = {
      ...{ command: 'record-cost', provider: 'hetzner', invoiceRef: 'h-1' },
      lines: Array.from({ length: 12 }, (_, index) => ({
        ...{ lineKey: String(index), kind: `kind-${index + 1}`, amount: `${index + 1}.00` },
        ...{ chargePeriod: april, currency: 'EUR', category: 'usage' },
      })),
    };
    expect((await api().command(command)).body).toMatchObject({ status: 'done' });
    await onPage('&by=tenant', async (page) => {
      const largest = page.getByRole('group', { name: 'Margin of the largest tenants' });
      const picture = largest.getByRole('img', {
        name: /^Acme Revenue \$3\.99, Cost \$3\.\d\d, Margin \$0\.\d\d; Globex /,
      });
      // The second bar of a series is that of globex; acme's is opened after it.
      await picture.locator('.recharts-bar').nth(1).locator('.recharts-bar-rectangle').nth(1).click();
      await page.getByRole('table', { name: 'cost of margin:2026-04/USD/globex', exact: true }).waitFor();
      expect(await page.evaluate('document.activeElement.ariaLabel')).toBe('Close globex');
      await page.getByRole('button', { name: 'Close globex' }).click();
      await picture.locator('.recharts-bar-rectangle').first().click();
      await page.getByRole('table', { name: 'revenue of margin:2026-04/USD/acme' }).waitFor();
      expect(await page.evaluate('document.activeElement.ariaLabel')).toBe('Close acme');
      await page.setViewportSize({ width: 390, height: 900 });
      await largest.getByText('Cost', { exact: true }).first().click();
      await page.waitForURL('**/margin?*largest=cogs*');
      await largest.getByRole('button', { name: /^Globex/ }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('table', { name: 'cost of margin:2026-04/USD/globex', exact: true }).waitFor();
      expect(await page.evaluate('document.activeElement.ariaLabel')).toBe('Close globex');
      await page.goto(`${api().url}/console/margin?month=2026-04&by=deployment`);
      const deployments = page.getByRole('group', { name: 'Margin of the largest deployments' });
      await deployments.getByRole('button', { name: /^acme-prod Revenue / }).click();
      await page.getByRole('table', { name: 'cost of acme-prod', exact: true }).waitFor();
    });
    await onPage('&by=kind&currency=EUR', async (page) => {
      const largest = page.getByRole('group', { name: 'Cost of the largest kinds of the provider' });
      // 12 + 11 + … + 3, and the others 2 + 1
      await largest
        .getByRole('img', { name: /^kind-12 Cost €12\.00; .*; kind-3 Cost €3\.00; Others \(2\) Cost €3\.00$/ })
        .waitFor();
      await largest.getByText('Others (2)').first().waitFor();
      expect(await largest.getByRole('button', { name: /Others/ }).count()).toBe(0);
      // What the table is filtered by does not hide what is opened.
      await page.getByLabel('Filter cost by kind of resource').fill('kind-4');
      await largest.getByRole('button', { name: /^kind-12 / }).click();
      await page.getByRole('table', { name: 'cost of kind-12' }).getByText('€12.00').waitFor();
    });
  });

  it('opens a row of very many cost lines with the first of them, and shows more', async () => {
    const command = {
      ...{ command: 'record-cost', provider: 'hetzner', invoiceRef: 'h-2' },
      lines: Array.from({ length: 600 }, (_, index) => ({
        ...{ lineKey: String(index), kind: 'traffic', amount: '0.01', chargePeriod: april },
        ...{ currency: 'GBP', category: 'usage' },
      })),
    };
    expect((await api().command(command)).body).toMatchObject({ status: 'done' });
    await onPage('&by=kind&currency=GBP', async (page) => {
      const answered = page.waitForResponse((response) => response.url().includes('/audit/explain/'));
      await page.getByRole('button', { name: 'Open cost of traffic' }).click();
      // A line with its event is some 600 characters of JSON: all of them would be 360,000.
      expect((await (await answered).body()).length).toBeLessThan(100_000);
      const lines = page.getByRole('table', { name: 'cost of traffic' });
      await lines.getByRole('row').nth(50).waitFor();
      // The titles and 50 lines
      expect(await lines.getByRole('row').count()).toBe(51);
      await page.getByRole('button', { name: 'Show more' }).click();
      await lines.getByRole('row').nth(250).waitFor();
      expect(await lines.getByRole('row').count()).toBe(251);
      // The file has all: the titles, 600 lines, and the end of the last.
      const opened = page.getByRole('cell').filter({ has: lines });
      expect((await csvOf(page, opened)).split('\r\n')).toHaveLength(602);
    });
  });

  it('is shown a unit, against paper, and by what changed since another month', async () => {
    await onPage('&view=units', async (page) => {
      const units = page.getByRole('table', { name: 'margin by billing kind' });
      // 8 × 0.50 = 4.00, less a credit note of 0.01: 3.99 / 8 = 0.49875
      await units.getByRole('row', { name: /gateway 8 – \$0\.49875/ }).waitFor();
      const realisation = page.getByRole('table', { name: 'price realisation' });
      await realisation.getByRole('row', { name: /gateway 8 \$4\.00 -\$0\.01 \$3\.99 99\.8/ }).waitFor();

      await page.getByRole('tab', { name: 'Reconciliation' }).click();
      const bills = page.getByRole('table', { name: 'provider invoices' });
      await bills.getByRole('row', { name: /digitalocean do-2026-04 not recorded.*record-provider-total/ }).waitFor();
      await page.getByRole('button', { name: 'Open Usage not billed' }).click();
      const unbilled = page.getByRole('table', { name: 'Usage not billed' });
      await unbilled.getByRole('row', { name: /acme-prod zones 1 1 no_plan_item/ }).waitFor();

      await page.getByRole('tab', { name: 'Bridge' }).click();
      await page.getByRole('img', { name: /^March 2026 \$0\.00, New business / }).waitFor();
      await page.getByRole('button', { name: 'Open New business' }).click();
      const causes = page.getByRole('table', { name: 'causes of New business' });
      await causes.getByRole('row', { name: /Acme acme .*gateway.*4\.00 for 8 \$4\.00/ }).waitFor();
      const events = page.getByRole('table', { name: 'events of New business' });
      await events
        .getByRole('link', { name: /InvoiceIssued/ })
        .first()
        .click();
      await page.getByRole('heading', { name: 'Explanation' }).waitFor();
      // April as it was known before its invoices
      await page.goto(`${api().url}/console/margin?month=2026-04&view=bridge&fromAsOf=5`);
      await page.getByRole('img', { name: /^Position 5 \$0\.00, / }).waitFor();
      // globex has cost alone: its bars lie left of 0, and none lies over the titles.
      await page.goto(`${api().url}/console/margin?month=2026-04&view=bridge&tenant=globex`);
      const chart = page.getByRole('img', { name: /^March 2026 \$0\.00, .*April 2026 -\$/ });
      const left = async (of: string): Promise<number> =>
        (await chart.locator(of).last().boundingBox())?.x ?? Number.NaN;
      expect(await left('.recharts-bar-rectangle path')).toBeGreaterThanOrEqual(
        await left('.recharts-yAxis .recharts-cartesian-axis-line'),
      );
    });
  });
});

describe('facts about the margin', () => {
  it('are withdrawn and corrected after a preview: a policy, a rule of alerts', async () => {
    const policy = {
      ...{ command: 'set-cost-sharing', policyId: 'again', costs: { kind: 'address' }, method: 'even' },
      effectiveFrom: april.start,
    };
    expect((await api().post('platform_admin', '/api/v1/commands', policy)).body).toMatchObject({ status: 'done' });
    await onPage('&view=sharing', async (page) => {
      await page.getByRole('button', { name: 'Withdraw again' }).click();
      await preview(page);
      // Only acme has a deployment: it bears 0.30 of globex. 3.99 − 3.00 − 0.07 − 0.30 = 0.62; then 0.92.
      await shows(page, 'margin by tenant before and after', /acme \$0\.62 \$0\.92/);
      await shows(page, 'margin by tenant before and after', /globex -\$0\.03 -\$0\.33/);
      await apply(page, /The policy is withdrawn/);

      await page.getByRole('tab', { name: 'Alerts' }).click();
      await page.getByText('There is no rule').waitFor();
      await page.getByRole('button', { name: 'Set a rule' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Name of the rule').fill('cheap');
      await dialog.getByRole('combobox', { name: 'When' }).click();
      await page.getByRole('option', { name: 'Cost of a kind off its average' }).click();
      await dialog.getByLabel('Number of days that are averaged').fill('2');
      await dialog.getByLabel('Limit, in percent or points').fill('10');
      // The bills charge the same each day.
      await preview(page);
      await dialog.getByText('No alert would be raised or cleared.').waitFor();
      await apply(page, /The rule is recorded/);
      const rules = page.getByRole('table', { name: 'rules of alerts' });
      await rules.getByRole('row', { name: /cheap Cost of a kind off its average 10 % 2 days/ }).waitFor();
      await rules.getByRole('button', { name: 'Correct cheap' }).click();
      await dialog.getByLabel('Limit, in percent or points').fill('20');
      await preview(page);
      await apply(page, /The rule is recorded/);
      await rules.getByRole('row', { name: /cheap .* 20 %/ }).waitFor();
    });
  });

  it('are recorded: the mapping of a kind, the total of an invoice', async () => {
    await onPage('&view=units', async (page) => {
      await page.getByRole('button', { name: 'Map a kind' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel(/^Provider/).fill('digitalocean');
      await dialog.getByLabel('Kind of the provider').fill('gateway');
      await dialog.getByLabel('Billing kinds, with commas between').fill('gateway');
      await preview(page);
      await shows(page, 'cost by billing kind before and after', /April 2026 gateway \$0\.00 \$3\.00/);
      await apply(page, /The mapping is recorded/);
      const mappings = page.getByRole('table', { name: 'mappings of kinds' });
      await mappings.getByRole('row', { name: /digitalocean gateway gateway/ }).waitFor();
      await mappings.getByRole('button', { name: 'Withdraw digitalocean gateway' }).click();
      await preview(page);
      await apply(page, /The mapping is withdrawn/);
      await page.getByText('No kind is mapped.').waitFor();

      await page.getByRole('tab', { name: 'Reconciliation' }).click();
      const bills = page.getByRole('table', { name: 'provider invoices' });
      await bills.getByRole('button', { name: 'Record total of digitalocean do-2026-04' }).click();
      await dialog.getByLabel('Total with tax, in USD').fill('3.50');
      await preview(page);
      // 3.00 − 3.50
      await dialog.getByText('Imported lines $3.00, total $3.50, difference -$0.50.').waitFor();
      await apply(page, /The total is recorded/);
      await bills.getByRole('row', { name: /do-2026-04 differs/ }).waitFor();
      await bills.getByRole('button', { name: 'Correct total of digitalocean do-2026-04' }).click();
      await dialog.getByLabel('Total with tax, in USD').fill('3.00');
      await preview(page);
      await apply(page, /The total is recorded/);
      await bills.getByRole('row', { name: /do-2026-04 equal/ }).waitFor();
      await bills.getByRole('button', { name: 'Withdraw total of digitalocean do-2026-04' }).click();
      await preview(page);
      await apply(page, /The total is withdrawn/);
      await bills.getByRole('row', { name: /do-2026-04 not recorded/ }).waitFor();
    });
  });

  it('are estimated until the bill comes, and marked so', async () => {
    await onPage('&view=estimates', async (page) => {
      const dialog = page.getByRole('dialog');
      await page.goto(`${api().url}/console/margin?month=2026-04&view=estimates&currency=EUR`);
      await page.getByRole('button', { name: 'Set a cost rate' }).click();
      await dialog.getByLabel('Billing kind').fill('zones');
      await dialog.getByLabel('Cost of a unit').fill('0.05');
      await preview(page);
      // The margin is that of the page: nothing is invoiced in euros.
      await shows(page, 'margin before and after', /Revenue €0\.00 €0\.00/);
      await page.goto(`${api().url}/console/margin?month=2026-04&view=estimates`);
      await page.getByText('There is no cost rate').waitFor();
      await page.getByText('No usage with a cost rate was billed by a provider.').waitFor();
      await page.getByRole('button', { name: 'Set a cost rate' }).click();
      await dialog.getByLabel('Billing kind').fill('zones');
      await dialog.getByLabel('Cost of a unit').fill('0.05');
      await preview(page);
      // One zone at 0.05
      await shows(page, 'margin before and after', /Estimated cost, not billed yet \$0\.00 \$0\.05/);
      await apply(page, /The cost rate is recorded/);
      const rates = page.getByRole('table', { name: 'cost rates' });
      await rates.getByRole('row', { name: /zones any any \$0\.05 USD 1 Apr 2026 – open/ }).waitFor();
      await page.getByRole('tab', { name: 'Month' }).click();
      const kinds = page.getByRole('table', { name: 'estimated cost by billing kind' });
      await kinds.getByRole('row', { name: /zones any provider 1 \$0\.05/ }).waitFor();
      await page.getByText('Estimate', { exact: true }).waitFor();
      const trend = page.getByRole('table', { name: 'trend' });
      await trend.getByRole('columnheader', { name: 'Estimated cost (no bill yet)' }).waitFor();
    });
  });

  it('are compared with the bill once it came, at any moment, and corrected', async () => {
    const mapping = {
      ...{ command: 'set-kind-mapping', provider: 'digitalocean', kind: 'gateway', billingKinds: ['gateway'] },
      effectiveFrom: april.start,
    };
    const { body } = await api().post('platform_admin', '/api/v1/commands', mapping);
    const { position } = z.object({ position: z.int() }).parse(body);
    await onPage('&view=estimates', async (page) => {
      const dialog = page.getByRole('dialog');
      const rates = page.getByRole('table', { name: 'cost rates' });
      const variance = page.getByRole('table', { name: 'estimated against billed cost' });
      await page.getByRole('button', { name: 'Set a cost rate' }).click();
      await dialog.getByLabel('Billing kind').fill('gateway');
      await dialog.getByLabel('Cost of a unit').fill('0.40');
      await preview(page);
      await apply(page, /The cost rate is recorded/);
      // 8 × 0.40 = 3.20, and the bill of 3.00
      await variance.getByRole('row', { name: /2026-04 gateway 8 \$3\.20 \$3\.00 \$0\.20/ }).waitFor();
      expect(await csvOf(page, page.getByRole('region', { name: 'Estimated against billed, April 2026' }))).toBe(
        'Month,Billing kind,Quantity,Estimated,Billed,Variance,Currency\r\n2026-04,gateway,8,3.20,3.00,0.20,USD\r\n',
      );
      await rates.getByRole('button', { name: 'Correct gateway from' }).click();
      await dialog.getByLabel('Cost of a unit').fill('0.30');
      await preview(page);
      await apply(page, /The cost rate is recorded/);
      // 8 × 0.30 = 2.40
      await variance.getByRole('row', { name: /2026-04 gateway 8 \$2\.40 \$3\.00 -\$0\.60/ }).waitFor();
      await rates.getByRole('button', { name: 'Withdraw zones' }).click();
      await preview(page);
      await shows(page, 'margin before and after', /Estimated cost, not billed yet \$0\.05 \$0\.00/);
      await apply(page, /The cost rate is withdrawn/);
      await rates.getByRole('row', { name: /zones/ }).waitFor({ state: 'detached' });
      // Before the rate of gateway was set, nothing was estimated of it, and the past is not changed.
      await page.goto(`${api().url}/console/margin?month=2026-04&view=estimates&asOf=${position}`);
      await rates.getByRole('row', { name: /zones any any/ }).waitFor();
      await page.getByText('No usage with a cost rate was billed by a provider.').waitFor();
      expect(await page.getByRole('button', { name: /^(Set a cost rate|Correct|Withdraw)/ }).count()).toBe(0);
    });
  });
});
