import { z } from 'zod';
import { canonicalJson } from '#domain/canonical-json';
import { conflict } from '#domain/errors';
import { type Seller, zSeller } from '#domain/invoices/parties';
import type { PrivateTexts } from './private-texts.js';

/** The seller as it is configured: free text for documents (null: none), and details for electronic invoices. */
export interface ConfiguredSeller {
  readonly text: string | null;
  readonly details: Seller;
}

/** What an issued document holds of its seller. Empty: none was configured. */
export interface SellerRef {
  readonly sellerRef?: string;
  readonly sellerHash?: string;
}

/** The same, as events hold it. */
type Referring = { readonly [Part in keyof SellerRef]?: string | undefined };

const zKept = z.object({ text: z.string().nullable(), details: zSeller });

/** Freezes the seller: an issued document refers to the seller of its issue, whatever is configured later. */
export class KeptSeller {
  private kept: Promise<SellerRef> | null = null;

  constructor(
    private readonly texts: PrivateTexts,
    readonly configured: ConfiguredSeller,
  ) {}

  /** The reference to the configured seller. It is stored once by a process. */
  async ref(): Promise<SellerRef> {
    const { text, details } = this.configured;
    if (text === null && Object.keys(details).length === 0) return {};
    this.kept ??= this.keep();
    try {
      return await this.kept;
    } catch (error) {
      this.kept = null;
      throw error;
    }
  }

  /**
   * The seller of an issued document. What it does not hold, or what was erased, is as it is configured now. Errors:
   * `seller_differs`.
   */
  async of({ sellerRef, sellerHash }: Referring): Promise<ConfiguredSeller> {
    const kept = sellerRef === undefined ? undefined : (await this.texts.hashed([sellerRef])).get(sellerRef);
    if (kept === undefined) return this.configured;
    if (kept.hash !== sellerHash)
      throw conflict(
        'seller_differs',
        `the seller ${sellerRef} in ledgerline_private.texts was changed after documents were issued with it.` +
          ' Restore that table from a backup of Postgres, then run check.',
      );
    const { text, details } = zKept.parse(JSON.parse(kept.text));
    return { text: text ?? this.configured.text, details };
  }

  private async keep(): Promise<SellerRef> {
    const { ref, hash } = await this.texts.keep(null, canonicalJson(this.configured));
    return { sellerRef: ref, sellerHash: hash };
  }
}
