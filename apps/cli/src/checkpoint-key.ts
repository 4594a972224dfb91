import { print, printJson, say } from './output.js';
import { checkingKey, newKey } from './signing-key.js';
import { WrongUsage } from './wrong-usage.js';

const USAGE = 'say what to do: checkpoint-key create, or checkpoint-key show';

/** Makes a key that signs checkpoints, or shows the public key of the one in use. Needs no database. */
export async function run(
  [verb, ...more]: readonly string[],
  options: { readonly dataDir: string; readonly json: boolean },
): Promise<number> {
  if (more.length > 0) throw new WrongUsage(USAGE);
  if (verb === 'create') {
    const { secret, verifier } = newKey();
    if (options.json) printJson({ secret, publicKey: verifier.text });
    else print(secret);
    say(
      'Keep the key secret, and give it to the commands that sign as LEDGERLINE_CHECKPOINT_KEY or ' +
        `LEDGERLINE_CHECKPOINT_KEY_FILE. Give the public key to the auditors: ${verifier.text}`,
    );
    return 0;
  }
  if (verb !== 'show') throw new WrongUsage(USAGE);
  const verifier = await checkingKey(options.dataDir, undefined);
  if (verifier === null)
    throw new WrongUsage(
      `there is no key: neither in LEDGERLINE_CHECKPOINT_KEY nor in ${options.dataDir}. Run checkpoint-key create.`,
    );
  if (options.json) printJson({ publicKey: verifier.text });
  else print(verifier.text);
  return 0;
}
