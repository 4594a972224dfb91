import { expect } from '@jest/globals';
import { brokenRules } from '#exchange/einvoice/einvoice';
import { NORM_RULES } from '#exchange/einvoice/norm-rules';
import { PROFILE_RULES } from '#exchange/einvoice/profile-rules';
import { CII_D16B_RULES } from '#exchange/einvoice/syntax-rules';
import { isDomainError } from '#domain/schema';
import { decimal } from '#domain/money/decimal';
import { ciiFaults, readCii, readUbl, ublFaults } from './einvoice.js';
import type { TestLedger } from './ledger.js';

const RULES: ReadonlySet<string> = new Set(
  [...NORM_RULES, ...Object.values(PROFILE_RULES).flat(), ...CII_D16B_RULES].map(({ id }) => id),
);

interface Document {
  readonly id: string;
  readonly number: string;
  readonly total: string;
}

/** The invoices and credit notes that a ledger has issued, without void ones. */
async function documentsOf(test: TestLedger): Promise<(Document & { readonly name: 'invoice' | 'credit-note' })[]> {
  const invoices = await test.ask<{
    items: { invoiceId: string; number: string | null; status: string; total: string }[];
  }>('invoices');
  const notes = await test.ask<{ items: { creditNoteId: string; number: string; total: string }[] }>('credit-notes');
  return [
    ...invoices.items.flatMap(({ invoiceId: id, number, status, total }) =>
      number === null || status === 'void' ? [] : [{ name: 'invoice' as const, id, number, total }],
    ),
    ...notes.items.map(({ creditNoteId: id, number, total }) => ({ name: 'credit-note' as const, id, number, total })),
  ];
}

/**
 * Each document of a ledger is written in both syntaxes, so that what is read back keeps all rules and has its total;
 * or it is refused by the id of a rule. Answers how many were written, and the rules that refused.
 */
export async function expectEInvoices(test: TestLedger): Promise<{ written: number; refusedBy: string[] }> {
  let written = 0;
  const refusedBy = new Set<string>();
  for (const { name, id, number, total } of await documentsOf(test)) {
    const ask = async (format: 'ubl' | 'cii'): Promise<string | readonly string[]> => {
      try {
        return await test.ask<string>(`${name}-${format}`, { id, profile: 'xrechnung' });
      } catch (error) {
        if (!isDomainError(error) || error.code !== 'einvoice_refused') throw error;
        return error.errors.map(({ field }) => field);
      }
    };
    const [ubl, cii] = [await ask('ubl'), await ask('cii')];
    if (typeof ubl !== 'string' || typeof cii !== 'string') {
      const [inUbl, inCii] = [ubl, cii].map((each) => (typeof each === 'string' ? [] : each));
      // CII refuses what UBL refuses, and several earlier invoices.
      expect((inCii ?? []).filter((each) => each !== 'CII-BG-3')).toEqual(inUbl);
      const ids = inCii ?? [];
      expect(ids.filter((each) => !RULES.has(each))).toEqual([]);
      for (const each of ids) refusedBy.add(each);
      continue;
    }
    written += 1;
    expect([number, ublFaults(ubl), ciiFaults(cii)]).toEqual([number, [], []]);
    for (const read of [readUbl(ubl), readCii(cii)]) {
      expect(brokenRules(read, { format: 'ubl', profile: 'xrechnung' }).map((rule) => rule.id)).toEqual([]);
      expect(brokenRules(read, { format: 'ubl', profile: 'peppol' }).map((rule) => rule.id)).toEqual([]);
      expect([read.number, decimal(read.totals.withTax).eq(decimal(total))]).toEqual([number, true]);
    }
  }
  return { written, refusedBy: [...refusedBy].sort() };
}
