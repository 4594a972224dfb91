import { Readable } from 'node:stream';
import type { BackfillRequest, BackfillSummary } from '#exchange/backfill/request';
import type { DryRun } from '#exchange/backfill/dry-run';
import type { Imported } from '#exchange/backfill/imported';
import type { BackfillKind, Mapping } from '#exchange/rows/mapping';
import { ADMIN, type TestLedger } from './ledger.js';

export interface Said {
  /** What was said of rejected rows. */
  readonly said: readonly string[];
}

const requestFor = (
  kind: BackfillKind,
  files: string | readonly string[],
  mapping: Mapping,
  said: string[],
): BackfillRequest => ({
  kind,
  files: typeof files === 'string' ? [files] : files,
  mapping,
  stdin: () => Readable.from([]),
  signal: new AbortController().signal,
  resume: false,
  onProgress: () => undefined,
  onReject: (sentence) => said.push(sentence),
});

/** Imports files into a ledger of a test. */
export async function backfilled(
  { ledger }: Pick<TestLedger, 'ledger'>,
  kind: BackfillKind,
  files: string | readonly string[],
  mapping: Mapping = {},
  more: Partial<BackfillRequest> = {},
): Promise<Imported & Said> {
  const said: string[] = [];
  const summary = await ledger.backfill({ ...requestFor(kind, files, mapping, said), ...more }, ADMIN);
  return { ...summary, said };
}

/** The same, to see what it would do. */
export async function dryRunOf(
  { ledger }: Pick<TestLedger, 'ledger'>,
  kind: BackfillKind,
  files: string | readonly string[],
  mapping: Mapping = {},
): Promise<DryRun & Said> {
  const said: string[] = [];
  const summary = await ledger.backfillDryRun(requestFor(kind, files, mapping, said), ADMIN);
  return { ...summary, said };
}

/** The four counts, and that they add up to the rows read. */
export function countsOf({ read, accepted, duplicate, correction, rejected }: BackfillSummary): readonly number[] {
  if (accepted + duplicate + correction + rejected !== read)
    throw new Error(`${accepted} + ${duplicate} + ${correction} + ${rejected} is not ${read}`);
  return [read, accepted, duplicate, correction, rejected];
}

export const TENANT = { command: 'register-tenant', tenantId: 'acme', name: 'Acme', currency: 'USD' };
export const deployment = (deploymentId: string): object => ({
  command: 'register-deployment',
  deploymentId,
  tenantId: 'acme',
  name: deploymentId,
  from: '2026-01-01T00:00:00Z',
});
