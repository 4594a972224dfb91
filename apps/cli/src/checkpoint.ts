import { writeFile } from 'node:fs/promises';
import { signingKey } from './signing-key.js';
import { counted, print, printJson, say } from './output.js';
import { withLedger } from './session.js';

/** Signs a checkpoint of the log as it is now. */
export async function run(
  _args: readonly string[],
  options: { dataDir: string; json: boolean; out?: string },
): Promise<number> {
  const signer = await signingKey(options.dataDir);
  return withLedger(options, async (_ledger, audit) => {
    const checkpoint = await audit.checkpoint(signer);
    if (options.out !== undefined) {
      await writeFile(options.out, checkpoint.note);
      say(
        `${options.out}: ${counted(checkpoint.size, 'event')}, signed as ${checkpoint.publicKey}. ` +
          'Keep the file where nobody who can write to the database can change it.',
      );
    }
    if (options.json) printJson(checkpoint);
    else if (options.out === undefined) print(checkpoint.note.trimEnd());
    return 0;
  });
}
