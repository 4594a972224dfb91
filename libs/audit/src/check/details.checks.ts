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
  ...(['InvoiceIssued', 'CreditNoteIssued', 'PaymentRecorded', 'RefundRecorded'] as const),
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
      add('seller', data.invoiceId, data.sellerRef, data.sellerHash);
    } else if (type === 'TenantRegistered' || type === 'TenantCorrected')
      add('details', data.tenantId, data.detailsRef, data.detailsHash);
    else if (type === 'CreditNoteIssued') add('seller', data.creditNoteId, data.sellerRef, data.sellerHash);
    else if (type === 'PaymentRecorded') add('reference', data.paymentId, data.referenceRef, data.referenceHash);
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

/** Of tenants, `detailsMissing` tells it. */
const missingTexts: Check = async (context) =>
  textFindings(context, ['seller', 'reference'], (hash) => hash === undefined, {
    ...{ end: 'missing', are: 'are not in the database' },
  });

/** Only somebody who writes to the database by hand changes a text: nothing in the program does. */
const changedTexts: Check = async (context) =>
  textFindings(
    context,
    ['details', 'seller', 'reference'],
    (hash, recorded) => hash !== undefined && hash !== recorded,
    {
      ...{ end: 'differs', are: 'do not have the hash in the log: they were changed in the database' },
    },
  );

/** What texts hash to now, by reference. Those that are gone are left out. */
async function hashesOf(core: LedgerCore, kind: Kind, refs: readonly string[]): Promise<Map<string, string>> {
  if (kind === 'details') return core.details.hashed(refs);
  return new Map([...(await core.texts.hashed(refs))].map(([ref, { hash }]) => [ref, hash]));
}

/** `isWrong`: of the hash of a text as it is now (undefined: it is gone), and the hash in the log. */
async function textFindings(
  context: QueryContext,
  kinds: readonly Kind[],
  isWrong: (hash: string | undefined, recorded: string | undefined) => boolean,
  { end, are }: { readonly end: string; readonly are: string },
): Promise<Finding[]> {
  const ofKind = await referred(context);
  const findings: Finding[] = [];
  for (const kind of kinds) {
    const texts = ofKind[kind];
    const wrong: string[] = [];
    const refs = [...texts.keys()];
    for (let from = 0; from < refs.length; from += AT_ONCE) {
      const some = refs.slice(from, from + AT_ONCE);
      const found = await hashesOf(context.core, kind, some);
      wrong.push(...some.filter((ref) => isWrong(found.get(ref), texts.get(ref)?.hash)));
    }
    if (wrong.length === 0) continue;
    const ids = [...new Set(wrong.flatMap((ref) => texts.get(ref)?.ids ?? []))];
    findings.push({
      code: `${kind}_text_${end}`,
      message:
        `${wrong.length} of ${refs.length} ${OF[kind].are} ${are}; they are of ${ids.slice(0, MOST_NAMED).join(', ')}` +
        (ids.length > MOST_NAMED ? ' and others' : ''),
      ids: { refs: wrong.slice(0, MOST_NAMED), of: ids.slice(0, MOST_NAMED), texts: wrong.length },
      remedy: OF[kind].remedy,
    });
  }
  return findings;
}

export const DETAILS: readonly Check[] = [changedTexts];
export const DETAILS_NOTICES: readonly Check[] = [detailsMissing, missingTexts];
