import type { DeliveryMode } from '#domain/costs/cost';
import { conflict, type DomainError, invalid } from '#domain/errors';
import type { CostDeliveryRow, DeliveredFile } from '#projections/costs/costs.table';
import type { History } from '#read-model/read-models';
import type { Compared } from './staging.js';

/** What the importing user says of the files. */
export interface DeliveryOptions {
  /** null: no name was given. */
  readonly name: string | null;
  /** The files have only some of the lines: nothing is taken away. */
  readonly isPartial: boolean;
}

/** How the files are compared with what is recorded. */
export interface Comparison {
  /** null: known only after the comparison. */
  readonly mode: DeliveryMode | null;
  /** Only lines that were recorded after this position are compared: the files add to all others. */
  readonly since: number;
  /** Files that the delivery has already. */
  readonly known: readonly DeliveredFile[];
}

type Last = History<CostDeliveryRow> | undefined;

const nameOf = (delivery: string, { name }: DeliveryOptions): string => `delivery ${name ?? ''} of ${delivery}`;

/**
 * How files are compared, as far as their names and the last delivery say. An import that was interrupted continues as
 * it started. Errors: `delivery_interrupted`, `delivery_file_changed`.
 */
export function comparisonOf(
  delivery: string,
  last: Last,
  files: readonly DeliveredFile[],
  options: DeliveryOptions,
): Comparison {
  const isOfName = options.name !== null && last?.name === options.name;
  if (last !== undefined && !last.is_complete && (isOfName || options.name === null) && endsWith(last.files, files))
    return { mode: last.mode, since: last.mode === 'part' ? last.position_from : 0, known: [] };
  if (!isOfName) {
    const named = options.name === null ? null : 'whole';
    return { mode: options.isPartial ? 'partial' : named, since: 0, known: [] };
  }
  if (!last.is_complete)
    throw conflict(
      'delivery_interrupted',
      `the import of ${last.files.map(({ name }) => name).join(', ')} into ${nameOf(delivery, options)} was` +
        ' interrupted. Run it again first.',
    );
  if (options.isPartial) return { mode: 'partial', since: 0, known: [] };
  const has = new Set(last.files.map(({ sha256 }) => sha256));
  const known = files.filter(({ sha256 }) => has.has(sha256));
  const changed = files.find(
    ({ name, sha256 }) => !has.has(sha256) && last.files.some((each) => each.name === name && name !== 'stdin'),
  );
  if (changed !== undefined)
    throw conflict(
      'delivery_file_changed',
      `${nameOf(delivery, options)} has another ${changed.name} already. Nothing was imported. Give a new name to ` +
        "the provider's next delivery, with all of its files.",
    );
  return { mode: 'part', since: Infinity, known };
}

const endsWith = (all: readonly DeliveredFile[], files: readonly DeliveredFile[]): boolean => {
  const last = new Set(all.slice(-files.length).map(({ sha256 }) => sha256));
  return last.size === new Set(files.map(({ sha256 }) => sha256)).size && files.every(({ sha256 }) => last.has(sha256));
};

/**
 * What files without a name are. Rows with ids of their own can't be mistaken. Keys that are equal in a part and in the
 * next delivery can: files count as the next delivery only if they have every recorded line, and at least half of them
 * unchanged. Errors: `delivery_unnamed`.
 */
export function unnamedMode(delivery: string, { recorded, same, changed, hasOwnIds }: Compared): DeliveryMode {
  if (recorded === 0) return 'whole';
  if (hasOwnIds) return 'partial';
  if (same + changed === 0) return 'part';
  if (same + changed === recorded && same * 2 >= recorded) return 'whole';
  throw unnamed(delivery, recorded, same, changed);
}

const unnamed = (delivery: string, recorded: number, same: number, changed: number): DomainError =>
  invalid(
    'delivery_unnamed',
    `${delivery} has ${recorded} recorded lines. The files have ${same} of them unchanged, ${changed} with other ` +
      `content, and lack ${recorded - same - changed}. They may be another part of that delivery, or the next one. ` +
      'Nothing was imported. Give all files of a delivery in one call, with --delivery NAME: a new name replaces ' +
      'what is recorded, the name of the last import adds to it.',
  );
