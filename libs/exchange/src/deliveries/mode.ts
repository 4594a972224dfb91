import type { DeliveryMode } from '#domain/costs/cost';
import { conflict, type DomainError, invalid } from '#domain/errors';
import type { CostDeliveryRow, DeliveredFile } from '#projections/costs/costs.table';
import type { History } from '#read-model/read-models';
import type { Compared } from './staging.js';

/** What the importing user says of the files. */
export interface DeliveryOptions {
  /** null: no name was given. */
  readonly name: string | null;
  /** The files have only some of the lines: nothing is withdrawn. */
  readonly isPartial: boolean;
}
export const UNNAMED: DeliveryOptions = { name: null, isPartial: false };

/** How the files are compared with what is recorded. */
export interface Comparison {
  /** null: known only after the comparison. */
  readonly mode: DeliveryMode | null;
  /** Only lines that were recorded after this position are compared: the files add to all others. */
  readonly since: number;
  /** Files that the delivery has already. */
  readonly known: readonly DeliveredFile[];
  /** The files that are read. */
  readonly added: readonly DeliveredFile[];
  /** Whether an interrupted import of the same files goes on. */
  readonly isResumed: boolean;
}

/** What is recorded of a delivery. */
export interface Recorded {
  readonly last: History<CostDeliveryRow> | undefined;
  /** All names that the account and month ever had a delivery under. */
  readonly names: readonly string[];
  /** The SHA-256 of all files that the account and month ever had, if the import has mended rows. */
  readonly files: readonly string[];
}

const NEVER = Infinity;
const OF_REJECTS = /\.rejects\.jsonl$/;

/**
 * How files are compared, as far as their names and the last delivery say. An import that was interrupted continues as
 * it started. Errors: `delivery_interrupted`, `delivery_file_changed`, `delivery_superseded`.
 */
export function comparisonOf(
  delivery: string,
  { last, names }: Recorded,
  files: readonly DeliveredFile[],
  { name, isPartial }: DeliveryOptions,
): Comparison {
  const isOfName = name !== null && last?.name === name;
  const known = files.filter((file) => last?.files.some((each) => isSame(each, file)) === true);
  const added = files.filter((file) => !known.includes(file));
  const compared = { known: [], added: files, isResumed: false };
  if (last !== undefined && last.pending.length > 0 && (isOfName || name === null)) {
    const isAgain =
      isPartial === (last.mode === 'partial') &&
      added.length === last.pending.length &&
      added.every((file) => last.pending.some((each) => isSame(each, file)));
    if (!isAgain) throw interrupted(delivery, last.pending);
    const since = last.mode === 'part' ? last.position_from : 0;
    return { mode: last.mode, since, known, added, isResumed: true };
  }
  if (isPartial) return { mode: 'partial', since: 0, ...compared };
  if (isOfName) {
    const changed = added.find(
      (file) =>
        file.name !== 'stdin' &&
        !OF_REJECTS.test(file.name) &&
        last.files.some((each) => each.name === file.name || isAlike(each, file)),
    );
    if (changed !== undefined) throw fileChanged(delivery, name, changed.name);
    return { mode: 'part', since: NEVER, known, added, isResumed: false };
  }
  // The rows of a delivery that were rejected join it.
  if (last !== undefined && files.every((file) => OF_REJECTS.test(file.name))) {
    if (name !== null || last.name !== null) throw rejectsOfOther(delivery, last.name);
    return { mode: 'part', since: NEVER, known, added, isResumed: false };
  }
  if (name !== null && names.includes(name)) throw superseded(delivery, name, last?.name ?? null);
  return { mode: name === null ? null : 'whole', since: 0, ...compared };
}

/**
 * Errors: `delivery_superseded`, if rows were rejected from a file that the delivery no longer has: the file that
 * replaced it has them too. `mended`: the beginnings of the digests of such files.
 */
export function assertNotReplaced(
  delivery: string,
  { last, files }: Recorded,
  added: readonly DeliveredFile[],
  mended: ReadonlySet<string>,
): void {
  for (const beginning of mended) {
    const isOf = (sha256: string): boolean => sha256.startsWith(beginning);
    if (files.some(isOf) && last?.files.some(({ sha256 }) => isOf(sha256)) === false)
      throw conflict(
        'delivery_superseded',
        `${delivery}: the rows of ${added.map(({ name }) => name).join(', ')} were rejected from a file that a later ` +
          'delivery replaced. Nothing was imported. Correct the rejected rows of the last delivery, or give --partial.',
      );
  }
}

/** Of the same content, read in the same way, without a rejected row. */
const isSame = (recorded: DeliveredFile, file: DeliveredFile): boolean =>
  isAlike(recorded, file) && recorded.mapping === file.mapping && recorded.rejected === file.rejected;
const isAlike = (a: DeliveredFile, b: DeliveredFile): boolean => a.sha256 === b.sha256;

const interrupted = (delivery: string, pending: readonly DeliveredFile[]): DomainError =>
  conflict(
    'delivery_interrupted',
    `${delivery}: the import of ${pending.map(({ name }) => name).join(', ')} was interrupted. Run it again first.`,
  );

const fileChanged = (delivery: string, name: string, file: string): DomainError =>
  conflict(
    'delivery_file_changed',
    `${delivery}: delivery ${name} already has a file ${file}, with other content, another mapping or rejected rows. ` +
      'Nothing was imported. If it is another part, or the next delivery, give all its files in one call under a new ' +
      'name.',
  );

const rejectsOfOther = (delivery: string, name: string | null): DomainError =>
  conflict(
    'delivery_unnamed',
    `${delivery}: rejected rows join their delivery. Nothing was imported. ` +
      (name === null ? 'Leave --delivery out.' : `Give its name, --delivery ${name}.`),
  );

const superseded = (delivery: string, name: string, last: string | null): DomainError =>
  conflict(
    'delivery_superseded',
    `${delivery}: delivery ${name} was replaced${last === null ? '' : ` by ${last}`}. Nothing was imported. ` +
      "Give a new name to the provider's next delivery.",
  );

/**
 * What files without a name are. Rows with ids of their own can't be mistaken. Keys that are equal in a part and in the
 * next delivery can: files count as the next delivery only if they have every recorded line, at least half of them
 * unchanged, and the recorded delivery has no name. Errors: `delivery_unnamed`.
 */
export function unnamedMode(delivery: string, last: Recorded['last'], compared: Compared): DeliveryMode {
  const { recorded, same, changed, alike, hasOnlyOwnIds } = compared;
  if (recorded === 0) return 'whole';
  if (hasOnlyOwnIds) return 'partial';
  if (same + changed === 0 && alike * 2 < recorded) return 'part';
  const isNext = same + changed === recorded && same * 2 >= recorded;
  if (isNext && (last?.name ?? null) === null) return 'whole';
  if (isNext && changed + compared.added === 0) return 'whole';
  throw unnamed(delivery, compared);
}

const unnamed = (delivery: string, { recorded, same, changed }: Compared): DomainError =>
  invalid(
    'delivery_unnamed',
    `${delivery} has ${recorded} recorded lines. The files have ${same} of them unchanged, ${changed} with other ` +
      `content, and lack ${recorded - same - changed}. They may be another part of that delivery, or the next one. ` +
      'Nothing was imported. Give all files of a delivery in one call, with --delivery NAME: a new name replaces ' +
      'what is recorded, the name of the last import adds to it.',
  );

const FEW_OF = 20;
const SHARE_OF_FEW = 10;

/**
 * Errors: `delivery_incomplete`, if files that would replace a delivery have rejected rows, which may be the lines that
 * they lack; or if they have so few lines of it that they are rather some late rows of the month.
 */
export function assertReplaces(delivery: string, compared: Compared, rejected: number): void {
  const { recorded, same, changed, added } = compared;
  assertNoneRejected(delivery, compared, rejected);
  if (recorded >= FEW_OF && (same + changed + added) * SHARE_OF_FEW < recorded)
    throw conflict(
      'delivery_incomplete',
      `${delivery} has ${recorded} recorded lines, and the files have ${same + changed + added} lines of it. Nothing ` +
        'was imported. If they are late rows of that month, import them with --partial. If they are a part of the ' +
        'next delivery, give all its files in one call.',
    );
}

function assertNoneRejected(delivery: string, { recorded, same, changed }: Compared, rejected: number): void {
  const gone = recorded - same - changed;
  if (gone > 0 && rejected > 0)
    throw conflict(
      'delivery_incomplete',
      `${delivery}: rows were rejected (${rejected}), and recorded lines are not in the files (${gone}). They may be ` +
        'the same. Nothing was imported. Correct the rows and import all files again, or give --partial to withdraw ' +
        'nothing.',
    );
}

/**
 * Errors: `delivery_unnamed` and `delivery_incomplete`, where files replace what came with a delivery of another seller
 * and lack all of it.
 */
export function assertVanishes(delivery: string, { mode }: Comparison, compared: Compared, rejected: number): void {
  if (mode === null) throw unnamed(delivery, compared);
  assertNoneRejected(delivery, compared, rejected);
}
