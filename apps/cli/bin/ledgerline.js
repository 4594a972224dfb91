#!/usr/bin/env node
/**
 * The entry point for npx. It is in a separate workspace package: with a `bin` in the package of the checkout itself,
 * npx would install the checkout into its cache and build it again there.
 */
const main = new URL('../../../dist/apps/cli/src/main.js', import.meta.url);

try {
  await import(main.href);
} catch (error) {
  if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.error(`Ledgerline is not built, or not installed: ${error.message}\nRun: npm ci`);
  process.exitCode = 1;
}
