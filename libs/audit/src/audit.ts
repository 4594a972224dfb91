import { Injectable } from '@nestjs/common';
import { type AuditBundle, auditBundle } from './audit-bundle.js';
import { assertRole, type Caller } from '#ledger/caller';
import { differencesFromLog } from './check/against-log.js';
import { type Checked, checkAll } from './check/index.js';
import { seenBy } from './check/seen.js';
import { keepCheck } from '#ledger/last-check';
import { LedgerCore } from '#ledger/ledger-core';
import { contextFor, knownPosition, positionOf, STAFF } from '#ledger/query';
import { reissue, type Reissued } from './reissue/reissue.js';
import { type Replayed, replayInto } from './replay/replay.js';
import { signCheckpoint, type SignedCheckpoint } from '#transparency/checkpoint';
import { KeptTree, rootText } from '#transparency/kept-tree';
import type { Signer } from '#transparency/note';

/** The log as evidence: its Merkle tree and the signed checkpoints. */
@Injectable()
export class Audit {
  constructor(
    private readonly core: LedgerCore,
    private readonly tree: KeptTree,
  ) {}

  /** Adds recorded events to the tree. Errors: OtherTree, BrokenLog. */
  async keepUp(): Promise<void> {
    await this.tree.keepUp();
  }

  /** Signs the current size and root of the log, and stores the note with the tree. */
  async checkpoint(signer: Signer): Promise<SignedCheckpoint> {
    const { size, root } = await this.tree.head();
    const note = signCheckpoint({ size, root }, signer);
    await this.tree.keepCheckpoint(size, note, signer.verifier);
    return { size, root: rootText(root), note, publicKey: signer.verifier.text };
  }

  /**
   * Rebuilds the whole state as of a position or an instant of recording, in a separate schema. Errors: those of
   * `replayInto`, `position_ahead`, `invalid_as_of`.
   */
  async replay(
    { asOf, into, tenantId }: { asOf: string; into?: string | undefined; tenantId?: string | undefined },
    caller: Caller,
  ): Promise<Replayed> {
    const position = await knownPosition(this.core, 'asOf', asOf);
    return replayInto(contextFor(this.core, position, caller), into ?? `replay_${position}`, tenantId ?? null);
  }

  /**
   * Checks all invariants over the live data, and that the read models equal a replay of the log (unless `replays` is
   * false). Errors: `forbidden`, `position_ahead`, `invalid_as_of`.
   */
  async check(caller: Caller, { asOf, replays }: { asOf?: string | undefined; replays: boolean }): Promise<Checked> {
    assertRole(caller, STAFF, 'check');
    const context = contextFor(this.core, (await positionOf(this.core, { asOf })).position, caller);
    const checked = await checkAll(context);
    const failures = [...(replays ? await differencesFromLog(context) : []), ...checked.failures];
    const all = { ...checked, ok: failures.length === 0, failures };
    if (asOf === undefined) await keepCheck(this.core, caller, all);
    return { ...all, failures: seenBy(caller, failures), notices: seenBy(caller, all.notices) };
  }

  /**
   * Computes an issued invoice (by id or number) again from the log alone, and compares it with what was frozen.
   * Errors: `forbidden`, `unknown_invoice`, `invoice_not_issued`.
   */
  async reissue(invoice: string, caller: Caller): Promise<Reissued> {
    assertRole(caller, STAFF, 'reissue invoices');
    return reissue(this.core, invoice);
  }

  /** An issued invoice (by id or number) with all that proves it. Errors: `unknown_invoice`, `invoice_not_issued`. */
  async bundle(invoice: string, signer: Signer, caller: Caller): Promise<AuditBundle> {
    const now = await this.checkpoint(signer);
    const signed = { now, before: await this.tree.checkpoints(), verifier: signer.verifier };
    return auditBundle({ core: this.core, tree: this.tree, idOrNumber: invoice, caller, signed });
  }
}
