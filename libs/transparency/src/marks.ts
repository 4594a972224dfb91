import { EventCodec, ofType } from '#event-store/codec';
import type { Leaf } from '#event-store/leaf';
import { type Checkpoint, readCheckpoint } from './checkpoint.js';
import { failure, type Failure } from './failure.js';
import { readRoot } from './kept-tree.js';
import { NoteError, type Verifier } from './note.js';
import { rootOf, type Tiles } from './tree.js';

/** A statement about the first events of the log: an issued invoice, or a signed checkpoint. */
export interface Mark {
  readonly said: string;
  readonly size: number;
  readonly root: Buffer;
  /** The position of the statement, if it is in the log itself. */
  readonly position: number | null;
  readonly invoiceId?: string;
}

/**
 * The statement of an issued invoice about the events before it. undefined: another event, or an invoice older than the
 * tree.
 */
export function markIn(leaf: Leaf): Mark | Failure | undefined {
  if (!leaf.is('type', ISSUED)) return undefined;
  try {
    const { invoiceId, tree } = ofType(codec.decode(leaf.event()), 'InvoiceIssued').data;
    return tree === undefined
      ? undefined
      : {
          said: `invoice ${invoiceId}`,
          size: tree.size,
          root: readRoot(tree.root),
          position: leaf.position,
          invoiceId,
        };
  } catch (error) {
    const message =
      `the InvoiceIssued at position ${leaf.position} can't be read: ` +
      (error instanceof Error ? error.message : String(error));
    return failure('event_unreadable', leaf.position, message, 'Restore the log from a copy in which it can be read.');
  }
}

const codec = new EventCodec();
const ISSUED = Buffer.from('InvoiceIssued');
const UNSIGNED_BY_US = 'Pass the public key that signed it with --key, or ask the keeper of the signing key for it.';

/** Reads notes as statements, and reports the notes that are none. Without a key, nobody knows who signed them. */
export function marksOf(
  notes: readonly { readonly name: string; readonly note: string }[],
  verifier: Verifier | null,
): { marks: Mark[]; failures: Failure[] } {
  const marks: Mark[] = [];
  const failures: Failure[] = [];
  for (const { name, note } of notes) {
    const read = checkpointIn(name, note, verifier);
    if ('code' in read) failures.push(read);
    else marks.push({ said: name, size: read.size, root: read.root, position: null });
  }
  return { marks, failures };
}

function checkpointIn(name: string, note: string, verifier: Verifier | null): Checkpoint | Failure {
  if (verifier === null)
    return failure('no_key', null, `${name} is not checked: no key was given to check its signature`, UNSIGNED_BY_US);
  try {
    return readCheckpoint(note, verifier);
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    return failure('checkpoint_not_signed', null, `${name}: ${error.message}`, UNSIGNED_BY_US);
  }
}

/** The current log, and the stored tree: its size, and the first event in which they differ. */
export interface Compared {
  readonly tiles: Tiles;
  readonly size: number;
  readonly stored: Tiles;
  readonly kept: number;
  readonly first: number | null;
}

/** The statements that the events of the log confirm, smallest first. */
export async function borneOut(
  marks: readonly Mark[],
  { tiles, size }: Pick<Compared, 'tiles' | 'size'>,
): Promise<Mark[]> {
  const agreed: Mark[] = [];
  for (const mark of marks.toSorted((a, b) => a.size - b.size))
    if (mark.size <= size && (await rootOf(tiles, mark.size)).equals(mark.root)) agreed.push(mark);
  return agreed;
}

/** The statements that the events of the log contradict. */
export async function contradicted(
  marks: readonly Mark[],
  { tiles, size, stored, kept, first }: Compared,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  let agreed = 0;
  for (const mark of marks.toSorted((a, b) => a.size - b.size)) {
    if (mark.size > size) failures.push(gone(mark, size));
    else if ((await rootOf(tiles, mark.size)).equals(mark.root)) agreed = Math.max(agreed, mark.size);
    else {
      // If the statement matches the stored tree, that tree shows exactly which event differs.
      const isKept =
        first !== null &&
        first <= mark.size &&
        mark.size <= kept &&
        (await rootOf(stored, mark.size)).equals(mark.root);
      failures.push(differs(mark, isKept ? first - 1 : agreed));
    }
  }
  return failures;
}

const gone = ({ said, size: then }: Mark, size: number): Failure =>
  failure(
    'events_gone',
    size + 1,
    `${said} covers ${then} events, but the log has ${size}: positions ${size + 1} to ${then} are missing`,
    'Someone cut the log or restored an older copy. Restore a copy that has these events, and find out who did it.',
  );

function differs({ said, size, position, invoiceId }: Mark, agreed: number): Failure {
  const where = agreed + 1 === size ? `position ${size}` : `positions ${agreed + 1} to ${size}`;
  return {
    ...failure(
      'root_differs',
      agreed + 1,
      `${said} covers other events than the log now has at ${where}`,
      `Restore the log from a copy that matches it, and compare ${where} with the present log.`,
    ),
    ...(invoiceId === undefined ? {} : { invoiceId, issuedAtPosition: position }),
  };
}
