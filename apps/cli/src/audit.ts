import { writeFile } from 'node:fs/promises';
import { signingKey } from './signing-key.js';
import { counted, print, printJson } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { WrongUsage } from './wrong-usage.js';

/** `audit bundle`: writes one file with events, proofs, checkpoints and the public key. */
export async function run(
  [action = '']: readonly string[],
  options: { dataDir: string; json: boolean; invoice?: string; out?: string },
): Promise<number> {
  if (action !== 'bundle') throw new WrongUsage(`unknown action "audit ${action}". Use: audit bundle`);
  const { invoice: invoiceId = '', out = '' } = options;
  const signer = await signingKey(options.dataDir);
  return withLedger(options, async (_ledger, audit) => {
    const bundle = await audit.bundle(invoiceId, signer, cliCaller());
    await writeFile(out, `${JSON.stringify(bundle, null, 1)}\n`);
    const { invoice, events, earlier, publicKey } = bundle;
    if (options.json) printJson({ file: out, ...invoice, events: events.length, earlier: earlier.length, publicKey });
    else
      print(
        `${out}: ${invoice.number}, ${counted(events.length, 'event')} with proofs, ` +
          `${counted(earlier.length, 'earlier checkpoint')}; signed as ${publicKey}`,
      );
    return 0;
  });
}
