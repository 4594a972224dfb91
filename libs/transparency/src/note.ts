import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  hash,
  sign,
  verify,
} from 'node:crypto';

/**
 * Signed notes (C2SP signed-note): a text that ends in a newline, an empty line, and signature lines. Keys have the
 * format of Go's sumdb/note, so that other tools can read them.
 */

const ED25519 = 0x01;
const SEED_BYTES = 32;
const KEY_ID_BYTES = 4;
const KEY_NAME = /^[^\s+]+$/u;
/** DER headers of an Ed25519 key (RFC 8410): node accepts the bare 32 bytes only after them. */
const PRIVATE_DER = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_DER = Buffer.from('302a300506032b6570032100', 'hex');

/** The signer: the name of the key, and the key. */
export interface Verifier {
  readonly name: string;
  readonly keyId: Buffer;
  readonly publicKey: KeyObject;
  /** `<name>+<key id>+<base64 of type and key>`. */
  readonly text: string;
}

export interface Signer {
  readonly verifier: Verifier;
  readonly privateKey: KeyObject;
  /** `PRIVATE+KEY+<name>+<key id>+<base64 of type and seed>`: a secret. */
  readonly secret: string;
}

export class NoteError extends Error {
  override readonly name = 'NoteError';
}

function verifierOf(name: string, publicBytes: Buffer): Verifier {
  if (!KEY_NAME.test(name))
    throw new NoteError(`${JSON.stringify(name)} can't name a key. Omit spaces and plus signs.`);
  const typed = Buffer.concat([Buffer.of(ED25519), publicBytes]);
  const keyId = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed]), 'buffer').subarray(0, KEY_ID_BYTES);
  const publicKey = createPublicKey({ key: Buffer.concat([PUBLIC_DER, publicBytes]), format: 'der', type: 'spki' });
  return { name, keyId, publicKey, text: `${name}+${keyId.toString('hex')}+${typed.toString('base64')}` };
}

function signerOf(name: string, seed: Buffer): Signer {
  const privateKey = createPrivateKey({ key: Buffer.concat([PRIVATE_DER, seed]), format: 'der', type: 'pkcs8' });
  const verifier = verifierOf(
    name,
    createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(PUBLIC_DER.length),
  );
  const key = Buffer.concat([Buffer.of(ED25519), seed]).toString('base64');
  const secret = `PRIVATE+KEY+${name}+${verifier.keyId.toString('hex')}+${key}`;
  return { verifier, privateKey, secret };
}

export function newSigner(name: string): Signer {
  const { privateKey } = generateKeyPairSync('ed25519');
  return signerOf(name, privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PRIVATE_DER.length));
}

/** Reads a secret key. Errors: NoteError, which never contains the key. */
export function readSigner(text: string): Signer {
  const match = /^PRIVATE\+KEY\+([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim());
  if (match === null) throw new NoteError('the signing key is not of the form PRIVATE+KEY+<name>+<key id>+<base64>');
  const [, name = '', keyId, key = ''] = match;
  const signer = signerOf(name, bareKey(key));
  if (signer.verifier.keyId.toString('hex') !== keyId)
    throw new NoteError('the signing key does not match its key id. Check whether it was cut off or mistyped.');
  return signer;
}

/** Reads a public key. Errors: NoteError. */
export function readVerifier(text: string): Verifier {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim());
  if (match === null) throw new NoteError('the public key is not of the form <name>+<key id>+<base64>');
  const [, name = '', keyId, key = ''] = match;
  const verifier = verifierOf(name, bareKey(key));
  if (verifier.keyId.toString('hex') !== keyId)
    throw new NoteError('the public key does not match its key id. Check whether it was cut off or mistyped.');
  return verifier;
}

function bareKey(base64: string): Buffer {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== 1 + SEED_BYTES || bytes[0] !== ED25519) throw new NoteError('the key is not an Ed25519 key');
  return bytes.subarray(1);
}

/** A signed note with this text. `text` ends in a newline. */
export function signNote(text: string, { verifier, privateKey }: Signer): string {
  if (!text.endsWith('\n')) throw new NoteError('the text of a note ends in a newline');
  const signature = Buffer.concat([verifier.keyId, sign(null, Buffer.from(text), privateKey)]);
  return `${text}\n— ${verifier.name} ${signature.toString('base64')}\n`;
}

const SIGNATURE = /^— (\S+) (\S+)$/u;
const isOf = ({ name, keyId }: Verifier, line: string): boolean => {
  const [, named, base64 = ''] = SIGNATURE.exec(line) ?? [];
  return named === name && Buffer.from(base64, 'base64').subarray(0, KEY_ID_BYTES).equals(keyId);
};

/** Whether a note has a signature in the name of this key. `openNote` checks whether it is valid. */
export const isNamedIn = (note: string, verifier: Verifier): boolean =>
  note.split('\n').some((line) => isOf(verifier, line));

/** The text of a note that this key signed. Errors: NoteError if it is not signed by the key, or was changed later. */
export function openNote(note: string, verifier: Verifier): string {
  const split = note.lastIndexOf('\n\n');
  if (split < 0 || !note.endsWith('\n'))
    throw new NoteError('this is not a signed note: it has no empty line before its signatures');
  const text = note.slice(0, split + 1);
  for (const line of note.slice(split + 2).split('\n')) {
    if (!isOf(verifier, line)) continue;
    const signature = Buffer.from(SIGNATURE.exec(line)?.[2] ?? '', 'base64');
    if (verify(null, Buffer.from(text), verifier.publicKey, signature.subarray(KEY_ID_BYTES))) return text;
    throw new NoteError(`the signature of ${verifier.name} does not match: the note was changed after it was signed`);
  }
  throw new NoteError(`the note is not signed by ${verifier.name}+${verifier.keyId.toString('hex')}`);
}
