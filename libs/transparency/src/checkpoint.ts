import { HASH_BYTES } from './hash.js';
import { NoteError, openNote, signNote, type Signer, type Verifier } from './note.js';

/**
 * C2SP tlog-checkpoint: a signed statement about the log at one moment. It lets its holder prove what was added later.
 */
export interface Checkpoint {
  /** The name of the log: the name of the signing key. */
  readonly origin: string;
  /** Number of events: the position of the last event. */
  readonly size: number;
  /** RFC 6962 root over the events. */
  readonly root: Buffer;
}

export interface SignedCheckpoint {
  /** Number of events that it covers. */
  readonly size: number;
  /** In base64. */
  readonly root: string;
  /** The signed note, to be stored. */
  readonly note: string;
  readonly publicKey: string;
}

export const signCheckpoint = ({ size, root }: Omit<Checkpoint, 'origin'>, signer: Signer): string =>
  signNote(`${signer.verifier.name}\n${size}\n${root.toString('base64')}\n`, signer);

/** Reads a checkpoint that this key signed. Errors: NoteError. */
export function readCheckpoint(note: string, verifier: Verifier): Checkpoint {
  const [origin = '', size = '', root = ''] = openNote(note, verifier).split('\n');
  const bytes = Buffer.from(root, 'base64');
  if (origin !== verifier.name)
    throw new NoteError(`the checkpoint is for log ${JSON.stringify(origin)}, not for ${verifier.name}`);
  if (!/^(0|[1-9]\d{0,14})$/.test(size) || bytes.length !== HASH_BYTES)
    throw new NoteError('the note is not a checkpoint: its first lines must be origin, size and root');
  return { origin, size: Number(size), root: bytes };
}
