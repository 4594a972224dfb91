import { Injectable } from '@nestjs/common';
import { signCheckpoint } from '#transparency/checkpoint';
import { KeptTree, rootText } from '#transparency/kept-tree';
import type { Signer } from '#transparency/note';

export interface SignedCheckpoint {
  /** How many events it is of. */
  readonly size: number;
  /** In base64. */
  readonly root: string;
  /** The signed note: what is to be kept. */
  readonly note: string;
  readonly publicKey: string;
}

/** The log as evidence: its Merkle tree, and what is signed of it. */
@Injectable()
export class Audit {
  constructor(private readonly tree: KeptTree) {}

  /** Takes what was recorded into the tree. Errors: BrokenLog. */
  async keepUp(): Promise<void> {
    await this.tree.keepUp();
  }

  /** Signs what the log holds now, and keeps the note beside the tree. */
  async checkpoint(signer: Signer): Promise<SignedCheckpoint> {
    const { size, root } = await this.tree.head();
    const note = signCheckpoint({ size, root }, signer);
    await this.tree.keepCheckpoint(size, note);
    return { size, root: rootText(root), note, publicKey: signer.verifier.text };
  }
}
