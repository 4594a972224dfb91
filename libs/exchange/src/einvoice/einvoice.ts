import { conflict } from '#domain/errors';
import { cii } from './cii.js';
import type { EInvoice } from './model.js';
import { NORM_RULES } from './norm-rules.js';
import { PROFILE_RULES } from './profile-rules.js';
import type { Format, ProfileName } from './profiles.js';
import type { Rule } from './rule.js';
import { syntaxRules } from './syntax-rules.js';
import { ubl } from './ubl.js';

/** A syntax, and a use of the norm. */
export interface Written {
  readonly format: Format;
  readonly profile: ProfileName;
}

/** The rules that an invoice breaks. */
export const brokenRules = (invoice: EInvoice, { format, profile }: Written): Rule[] =>
  [...NORM_RULES, ...PROFILE_RULES[profile], ...syntaxRules(format, profile)].filter(({ holds }) => !holds(invoice));

/** An invoice as XML: as it is, or if it breaks a rule, as it is completed. Errors: `einvoice_refused`. */
export const firstWritable = async (
  invoice: EInvoice,
  completed: () => Promise<EInvoice>,
  written: Written,
): Promise<string> =>
  brokenRules(invoice, written).length === 0 ? xmlOf(invoice, written) : eInvoiceXml(await completed(), written);

/**
 * An electronic invoice as XML. No amount is ever changed to satisfy a rule. Errors: `einvoice_refused`, with an error
 * for each broken rule, whose field is the id of the rule.
 */
export function eInvoiceXml(invoice: EInvoice, written: Written): string {
  const broken = brokenRules(invoice, written);
  if (broken.length > 0)
    throw conflict(
      'einvoice_refused',
      `${invoice.number} can’t be an electronic invoice of the profile ${written.profile}: ` +
        broken.map(({ id, says, remedy }) => `${id}: ${says} ${remedy}`).join(' '),
      broken.map(({ id, says, remedy }) => ({ field: id, message: `${says} ${remedy}` })),
    );
  return xmlOf(invoice, written);
}

const xmlOf = (invoice: EInvoice, { format, profile }: Written): string =>
  format === 'ubl' ? ubl(invoice, profile) : cii(invoice, profile);
