import type { Readable } from 'node:stream';
import type { Caller } from '#ledger/caller';
import type { CommandCall } from '#ledger/command';
import type { DeliveryOptions } from '../deliveries/mode.js';
import type { BackfillKind, Mapping } from '../rows/mapping.js';
import type { Counts } from '../rows/outcome.js';
import type { Source } from '../rows/source.js';
import type { FileSummary, Odd, Rejected } from './report.js';

export interface BackfillRequest {
  readonly kind: BackfillKind;
  readonly files: readonly string[];
  readonly mapping: Mapping;
  readonly stdin: () => Readable;
  readonly signal: AbortSignal;
  /** Reports the share of all bytes that are read. */
  readonly onProgress: (progress: { readonly share: number; readonly rows: number; readonly file: string }) => void;
  /** A rejected row, as a sentence, and how many rows have had its reason so far, with this one. */
  readonly onReject: (sentence: string, ofReason: number) => void;
  /** Whether rows that an interrupted import of the same file completed are skipped. */
  readonly resume: boolean;
  /** Of costs: all files are one delivery of their provider. Default: without a name, and all of it. */
  readonly delivery?: DeliveryOptions;
}

export interface BackfillSummary extends Counts {
  readonly files: readonly FileSummary[];
  readonly odd: readonly Odd[];
  /** The rejected rows by reason, the most frequent first. */
  readonly rejects: readonly Rejected[];
  readonly interrupted: boolean;
  /** Of costs: recorded lines that the delivery no longer has. They were withdrawn. */
  readonly removed?: number;
}

/** The counts of all files. */
export function summed(files: readonly Counts[]): Counts {
  const of = (name: keyof Counts): number => files.reduce((sum, counts) => sum + counts[name], 0);
  return {
    read: of('read'),
    accepted: of('accepted'),
    duplicate: of('duplicate'),
    correction: of('correction'),
    rejected: of('rejected'),
  };
}

/** The command that events of an import name as their cause. */
export const callOf = (kind: BackfillKind, { digest }: Source, caller: Caller): CommandCall => ({
  name: `backfill-${kind}`,
  fields: {},
  occurredAt: null,
  key: `backfill-${kind}:${digest}`,
  isKeyed: false,
  idempotencyKey: null,
  basedOn: null,
  bodyHash: digest,
  caller,
});
