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
/** As in a container whose file system can't be written to. */
const READ_ONLY = ['EACCES', 'EPERM', 'EROFS'];

/** A new key, under a name that no other has. It is not kept. */
export const newKey = (): Signer => newSigner(`ledgerline/${randomBytes(4).toString('hex')}`);

/** The key that signs checkpoints: from the environment, or from the data directory, where the first use creates it. */
export async function signingKey(dataDir: string): Promise<Signer> {
  const known = await knownSigner(dataDir);
  if (known !== null) return known;
  const signer = newKey();
  const file = join(dataDir, FILE);
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await writeFile(file, `${signer.secret}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    // Another process created the key at the same moment: use that key.
    if (hasCode(error, 'EEXIST')) return readSigner(await readFile(file, 'utf8'));
    if (!READ_ONLY.some((code) => hasCode(error, code))) throw error;
    throw new WrongUsage(
      `a signing key can't be written to ${file}: ${messageOf(error)}. ` +
        `Make one with "ledgerline checkpoint-key create", and set ${VARIABLE} to it.`,
      { cause: error },
    );
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
