import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newSigner, readSigner, readVerifier, type Signer, type Verifier } from '#transparency/note';
import { say } from './output.js';
import { WrongUsage } from './wrong-usage.js';

/** Holds the secret key, where it is not in a file. */
const VARIABLE = 'LEDGERLINE_CHECKPOINT_KEY';
const FILE = 'checkpoint.key';

/** The key that signs checkpoints: from the environment, else the data directory's, which is made at first use. */
export async function signingKey(dataDir: string): Promise<Signer> {
  const known = await knownSigner(dataDir);
  if (known !== null) return known;
  const signer = newSigner(`ledgerline/${randomBytes(4).toString('hex')}`);
  const file = join(dataDir, FILE);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  try {
    await writeFile(file, `${signer.secret}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    // Another process made one in the same moment: that is the key.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return readSigner(await readFile(file, 'utf8'));
  }
  say(
    `a signing key was made in ${file}: keep it from whoever may write to the database, and its public key, ${signer.verifier.text}, where auditors find it`,
  );
  return signer;
}

/** The public key to check signatures with: the one that is named, as text or in a file, else that of the signing key here; null where there is none. */
export async function checkingKey(dataDir: string, named: string | undefined): Promise<Verifier | null> {
  if (named === undefined) return (await knownSigner(dataDir))?.verifier ?? null;
  try {
    return readVerifier(named.includes('+') ? named : await readFile(named, 'utf8'));
  } catch (error) {
    throw new WrongUsage(`--key ${named}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

async function knownSigner(dataDir: string): Promise<Signer | null> {
  const fromEnvironment = process.env[VARIABLE];
  if (fromEnvironment !== undefined && fromEnvironment !== '') return readSigner(fromEnvironment);
  try {
    return readSigner(await readFile(join(dataDir, FILE), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
