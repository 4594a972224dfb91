import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newSigner, readSigner, readVerifier, type Signer, type Verifier } from '#transparency/note';
import { hasCode, messageOf } from './errors.js';
import { say } from './output.js';
import { WrongUsage } from './wrong-usage.js';

/** The environment variable for the secret key, used instead of the file. */
const VARIABLE = 'LEDGERLINE_CHECKPOINT_KEY';
const FILE = 'checkpoint.key';

/** The key that signs checkpoints: from the environment, or from the data directory, where the first use creates it. */
export async function signingKey(dataDir: string): Promise<Signer> {
  const known = await knownSigner(dataDir);
  if (known !== null) return known;
  const signer = newSigner(`ledgerline/${randomBytes(4).toString('hex')}`);
  const file = join(dataDir, FILE);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  try {
    await writeFile(file, `${signer.secret}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    // Another process created the key at the same moment: use that key.
    if (!hasCode(error, 'EEXIST')) throw error;
    return readSigner(await readFile(file, 'utf8'));
  }
  say(
    `created a signing key in ${file}. Let nobody who can write to the database read this file. ` +
      `Give the public key to the auditors: ${signer.verifier.text}`,
  );
  return signer;
}

/**
 * The public key that checks signatures: the given one (as text, or a file with it), or that of the signing key here.
 * Null if there is neither.
 */
export async function checkingKey(dataDir: string, given: string | undefined): Promise<Verifier | null> {
  if (given === undefined) return (await knownSigner(dataDir))?.verifier ?? null;
  try {
    return readVerifier(given.includes('+') ? given : await readFile(given, 'utf8'));
  } catch (error) {
    throw new WrongUsage(`--key ${given}: ${messageOf(error)}`, { cause: error });
  }
}

async function knownSigner(dataDir: string): Promise<Signer | null> {
  const fromEnvironment = process.env[VARIABLE];
  if (fromEnvironment !== undefined && fromEnvironment !== '') return readSigner(fromEnvironment);
  try {
    return readSigner(await readFile(join(dataDir, FILE), 'utf8'));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}
