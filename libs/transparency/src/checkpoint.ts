import { HASH_BYTES } from './hash.js';
import { NoteError, openNote, signNote, type Signer, type Verifier } from './note.js';

/**
 * C2SP tlog-checkpoint: what a log says of itself at one moment. Whoever keeps one can prove later what came after it.
 */
export interface Checkpoint {
  /** Names the log: that of the key that signs. */
  readonly origin: string;
  /** Number of events; the position of the last. */
  readonly size: number;
  /** RFC 6962 root over them. */
  readonly root: Buffer;
}

export interface SignedCheckpoint {
  /** How many events it is of. */
  readonly size: number;
  /** In base64. */
  readonly root: string;
  /** The signed note: what is to be kept. */
  readonly note: string;
  readonly publicKey: string;
}

export const signCheckpoint = ({ size, root }: Omit<Checkpoint, 'origin'>, signer: Signer): string =>
  signNote(`${signer.verifier.name}\n${size}\n${root.toString('base64')}\n`, signer);

/** A checkpoint that this key signed. Errors: NoteError. */
export function readCheckpoint(note: string, verifier: Verifier): Checkpoint {
  const [origin = '', size = '', root = ''] = openNote(note, verifier).split('\n');
  const bytes = Buffer.from(root, 'base64');
  if (origin !== verifier.name)
    throw new NoteError(`the checkpoint is of ${JSON.stringify(origin)}, not of ${verifier.name}`);
  if (!/^(0|[1-9]\d{0,14})$/.test(size) || bytes.length !== HASH_BYTES)
    throw new NoteError('the note is no checkpoint: origin, size and root are its first lines');
  return { origin, size: Number(size), root: bytes };
}
