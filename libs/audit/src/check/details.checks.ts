import { ofType } from '#event-store/codec';
import type { LedgerCore } from '#ledger/ledger-core';
import type { QueryContext } from '#ledger/query';
import { readTenants } from '#projections/tenants/tenants.read';
import { ifReadable } from '#read-model/readable';
import type { Check, Finding } from './finding.js';

/** At most this many of a finding are named. */
const MOST_NAMED = 20;

/**
 * Names and addresses are only in Postgres, not in the log: they are gone if somebody erased them, or if the database
 * was not restored with the log.
 */
const detailsMissing: Check = async ({ core, position }) => {
  const tenants = await readTenants(core.db, position, null);
  const names = await core.details.names(tenants.map((tenant) => tenant.details_ref));
  const missing = tenants.filter((tenant) => !names.has(tenant.details_ref)).map((tenant) => tenant.tenant_id);
  if (missing.length === 0) return [];
  const named = missing.slice(0, MOST_NAMED).join(', ');
  return [
    {
      code: 'tenant_details_missing',
      message:
        `The names and addresses of ${missing.length} of ${tenants.length} tenants are not in the database: ${named}` +
        (missing.length > MOST_NAMED ? ' and others' : ''),
      ids: { tenantIds: missing.slice(0, MOST_NAMED), tenants: missing.length },
      remedy:
        'If nobody erased them, restore the schema ledgerline_private from a backup of Postgres,' +
        ' or state them again with correct-tenant.',
    },
  ];
};

/** A text outside the log, or the details of a tenant, as events refer to it. */
interface Referred {
  readonly hash: string | undefined;
  /** Tenants, documents, payments or refunds whose events refer to it. */
  readonly ids: string[];
}
type Kind = 'details' | 'seller' | 'reference';

const REFERRING = [
  ...(['TenantRegistered', 'TenantCorrected'] as const),
  ...(['InvoiceIssued', 'CreditNoteIssued', 'ConsolidatedInvoiceIssued'] as const),
  ...(['PaymentRecorded', 'RefundRecorded', 'TransferRecorded'] as const),
] as const;

/**
 * By reference: what the log says of the details of tenants, of the sellers of documents, and of the references of
 * payments and refunds.
 */
async function referred({ core, position }: QueryContext): Promise<Record<Kind, Map<string, Referred>>> {
  const texts = {
    details: new Map<string, Referred>(),
    seller: new Map<string, Referred>(),
    reference: new Map<string, Referred>(),
  };
  const add = (kind: Kind, id: string, ref: string | undefined, hash: string | undefined): void => {
    if (ref === undefined) return;
    const known = texts[kind].get(ref);
    if (known === undefined) texts[kind].set(ref, { hash, ids: [id] });
    else known.ids.push(id);
  };
  for await (const stored of core.log.readAll(0, { types: REFERRING })) {
    if (stored.position > position) break;
    const readable = ifReadable(stored);
    if (readable === undefined) continue;
    const { type, data } = ofType(readable, ...REFERRING);
    if (type === 'InvoiceIssued') {
      add('details', data.invoiceId, data.detailsRef, data.detailsHash);
      add('details', data.invoiceId, data.payer?.detailsRef, data.payer?.detailsHash);
      add('seller', data.invoiceId, data.sellerRef, data.sellerHash);
    } else if (type === 'ConsolidatedInvoiceIssued') {
      add('details', data.consolidatedInvoiceId, data.detailsRef, data.detailsHash);
      add('seller', data.consolidatedInvoiceId, data.sellerRef, data.sellerHash);
    } else if (type === 'TenantRegistered' || type === 'TenantCorrected')
      add('details', data.tenantId, data.detailsRef, data.detailsHash);
    else if (type === 'CreditNoteIssued') add('seller', data.creditNoteId, data.sellerRef, data.sellerHash);
    else if (type === 'PaymentRecorded') add('reference', data.paymentId, data.referenceRef, data.referenceHash);
    else if (type === 'TransferRecorded') add('reference', data.transferId, data.referenceRef, data.referenceHash);
    else add('reference', data.refundId, data.referenceRef, data.referenceHash);
  }
  return texts;
}

const OF: Readonly<Record<Kind, { readonly are: string; readonly remedy: string }>> = {
  details: {
    are: 'names and addresses of tenants',
    remedy: 'Restore the schema ledgerline_private from a backup of Postgres.',
  },
  seller: {
    are: 'sellers of issued documents',
    remedy:
      'Restore the schema ledgerline_private from a backup of Postgres. Until then, documents whose seller was' +
      ' changed are refused, and those whose seller is missing show the one that is configured now.',
  },
  reference: {
    are: 'references of payments and refunds',
    remedy: 'If nobody erased them, restore the schema ledgerline_private from a backup of Postgres.',
  },
};
/** So many texts are read at once. */
const AT_ONCE = 1_000;

/** What texts hash to now, by reference. Those that are gone are left out. */
async function hashesOf(core: LedgerCore, kind: Kind, refs: readonly string[]): Promise<Map<string, string>> {
  if (kind === 'details') return core.details.hashed(refs);
  return new Map([...(await core.texts.hashed(refs))].map(([ref, { hash }]) => [ref, hash]));
}

interface Wrong {
  /** The end of the finding's code. */
  readonly end: string;
  /** What texts are, in its message. */
  readonly are: string;
}
const MISSING: Wrong = { end: 'missing', are: 'are not in the database' };
const DIFFERS: Wrong = { end: 'differs', are: 'do not have the hash in the log: they were changed in the database' };

/**
 * Compares what is outside the log with the hashes that events have. Only somebody who writes to the database by hand
 * changes it: nothing in the program does. Of missing details of tenants, `detailsMissing` tells.
 */
export async function againstTexts(
  context: QueryContext,
): Promise<{ readonly failures: readonly Finding[]; readonly notices: readonly Finding[] }> {
  const ofKind = await referred(context);
  const [failures, notices]: [Finding[], Finding[]] = [[], []];
  for (const kind of ['details', 'seller', 'reference'] as const) {
    const texts = ofKind[kind];
    const refs = [...texts.keys()];
    const [changed, missing]: [string[], string[]] = [[], []];
    for (let from = 0; from < refs.length; from += AT_ONCE) {
      const some = refs.slice(from, from + AT_ONCE);
      const found = await hashesOf(context.core, kind, some);
      for (const ref of some) {
        const hash = found.get(ref);
        if (hash === undefined) missing.push(ref);
        else if (hash !== texts.get(ref)?.hash) changed.push(ref);
      }
    }
    failures.push(...findingOf(kind, texts, changed, DIFFERS));
    if (kind !== 'details') notices.push(...findingOf(kind, texts, missing, MISSING));
  }
  return { failures, notices };
}

/** []: no text is wrong. */
function findingOf(
  kind: Kind,
  texts: ReadonlyMap<string, Referred>,
  wrong: readonly string[],
  { end, are }: Wrong,
): Finding[] {
  if (wrong.length === 0) return [];
  const ids = [...new Set(wrong.flatMap((ref) => texts.get(ref)?.ids ?? []))];
  return [
    {
      code: `${kind}_text_${end}`,
      message:
        `${wrong.length} of ${texts.size} ${OF[kind].are} ${are}; they are of ${ids.slice(0, MOST_NAMED).join(', ')}` +
        (ids.length > MOST_NAMED ? ' and others' : ''),
      ids: { refs: wrong.slice(0, MOST_NAMED), of: ids.slice(0, MOST_NAMED), texts: wrong.length },
      remedy: OF[kind].remedy,
    },
  ];
}

export const DETAILS_NOTICES: readonly Check[] = [detailsMissing];
