import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { z } from 'zod';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const zFound = z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) }));

/**
 * What hinders people with disabilities on the page as it is shown, each as the name of axe's rule and the elements.
 * Default: by all rules of axe, with that of the size of targets, which axe leaves out unless it is named.
 */
export async function hindrances(page: Page, rules?: readonly string[]): Promise<string[]> {
  // The policy of the page refuses inline scripts: the browser itself runs this one.
  await page.evaluate(`(() => { if (window.axe === undefined) { ${axe} } })()`);
  const options = rules === undefined ? { rules: { 'target-size': { enabled: true } } } : { runOnly: rules };
  const found = zFound.parse(
    await page.evaluate(`axe.run(${JSON.stringify(options)}).then(({ violations }) => violations)`),
  );
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
