import { z } from 'zod';
import { conflict } from '#domain/errors';
import { zId } from '#domain/schema';
import { auditBundle } from '#audit/audit-bundle';
import type { LedgerCore } from '#ledger/ledger-core';
import { defineQuery, pageInOrder, STAFF, zAsOf, zNow, zPage } from '#ledger/query';
import type { StoredCheckpoint } from '#transparency/kept-tiles';
import type { KeptTree } from '#transparency/kept-tree';
import { readVerifier, type Verifier } from '#transparency/note';
import { listOf, zPosition, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { INVOICE } from './story.js';

const zCheckpoint = z
  .object({
    size: zPosition.describe('Number of events that it covers'),
    note: z.string().describe('The signed note (C2SP tlog-checkpoint): keep it where the database can’t be changed'),
    publicKey: z.string().nullable().describe('null: stored by a program that did not keep it'),
    madeAt: zTimestamp,
  })
  .meta({ id: 'Checkpoint' });

const zVerified = z
  .object({
    ok: z.boolean(),
    size: zPosition.describe('Number of events in the log'),
    root: z.string().describe('The RFC 6962 root over them, in base64'),
    kept: zPosition.describe('Number of events that the stored tree covers'),
    compared: z
      .object({ checkpoints: z.int(), ofOtherKeys: z.int(), invoices: z.int() })
      .meta({ id: 'VerifiedAgainst' })
      .describe('What the log was compared with'),
    failures: z.array(
      z
        .object({ code: z.string(), position: zPosition.nullable(), message: z.string(), remedy: z.string() })
        .meta({ id: 'VerifyFailure' }),
    ),
  })
  .meta({ id: 'Verified' });

const zHashes = z.array(z.string()).describe('Hashes in base64');

const zBundle = z
  .object({
    format: z.string(),
    publicKey: z.string(),
    checkpoint: z.string(),
    earlier: z.array(z.object({ checkpoint: z.string(), consistency: zHashes }).meta({ id: 'BundledCheckpoint' })),
    invoice: z
      .object({
        invoiceId: z.string(),
        number: z.string(),
        tree: z
          .object({ size: zPosition, root: z.string(), consistency: zHashes })
          .meta({ id: 'BundledTree' })
          .nullable(),
      })
      .meta({ id: 'BundledInvoice' }),
    events: z.array(
      z
        .object({
          position: zPosition,
          stream: z.string(),
          revision: zPosition,
          id: z.string(),
          type: z.string(),
          data: z.string(),
          metadata: z.string(),
          recordedAt: zTimestamp,
          inclusion: zHashes,
        })
        .meta({ id: 'BundledEvent' }),
    ),
  })
  .meta({ id: 'Bundle' });

const checkpoints = defineQuery({
  name: 'checkpoints',
  summary: 'The signed checkpoints that were stored with the tree of the log',
  path: 'audit/checkpoints',
  params: zPage,
  roles: STAFF,
  withoutCatchUp: true,
  answer: listOf(zCheckpoint),
  example: {},
  async handle(page, { core, position }) {
    const stored = (await treeOf(core).stored()).filter(({ size }) => size <= position);
    return pageInOrder(stored, page, position);
  },
});

export const verify = defineQuery({
  name: 'verify',
  summary:
    'Computes the tree again from all bytes of the log, and compares it with the stored hashes, the checkpoints and' +
    ' the issued invoices. With a checkpoint from elsewhere, ledgerline verify proves more',
  path: 'audit/verify',
  isExpensive: true,
  params: zNow,
  roles: STAFF,
  withoutCatchUp: true,
  answer: zVerified,
  cost: 45,
  example: {},
  async handle(_params, { core }) {
    const signed = (await treeOf(core).stored()).findLast(({ publicKey }) => publicKey !== null);
    const { ok, size, root, kept, compared, failures } = await core.verify(verifierOf(signed));
    return {
      ...{ ok, size, root, kept, compared },
      failures: failures.map(({ code, position, message, remedy }) => ({ code, position, message, remedy })),
    };
  },
});

const bundle = defineQuery({
  name: 'bundle',
  summary:
    'An issued invoice (by id or number) with all that proves it under the last signed checkpoint, as the command' +
    ' line writes it: its events, with proofs',
  path: 'audit/bundles/:id',
  params: zAsOf.extend({ id: zId }),
  roles: STAFF,
  answer: zBundle,
  cost: 10,
  example: { id: INVOICE },
  async handle({ id }, { core, caller }) {
    const tree = treeOf(core);
    const stored = await tree.stored();
    const now = stored.findLast(({ publicKey }) => publicKey !== null);
    const verifier = verifierOf(now);
    if (now === undefined || verifier === null)
      throw conflict('no_checkpoint', 'There is no signed checkpoint yet. Run "ledgerline checkpoint" to sign one.');
    const before = stored.map(({ note }) => note);
    return auditBundle({ core, tree, idOrNumber: id, caller, signed: { now, before, verifier } });
  },
});

const verifierOf = (checkpoint: StoredCheckpoint | undefined): Verifier | null =>
  checkpoint === undefined || checkpoint.publicKey === null ? null : readVerifier(checkpoint.publicKey);

function treeOf({ tree }: LedgerCore): KeptTree {
  if (tree === null) throw new Error('a trial has no tree');
  return tree;
}

export const evidenceOperations: Operations = { queries: [checkpoints, verify, bundle] };
