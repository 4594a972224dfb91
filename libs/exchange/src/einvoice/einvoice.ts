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

/**
 * The first of several descriptions of an invoice that keeps all rules, as XML. If none does, the last is refused.
 * Errors: `einvoice_refused`.
 */
export function firstWritable(descriptions: readonly [EInvoice, ...EInvoice[]], written: Written): string {
  const good = descriptions.find((each) => brokenRules(each, written).length === 0);
  return eInvoiceXml(good ?? descriptions.at(-1) ?? descriptions[0], written);
}

/**
 * An electronic invoice as XML. No amount is ever changed to satisfy a rule. Errors: `einvoice_refused`, with an error
 * for each broken rule, whose field is the id of the rule.
 */
export function eInvoiceXml(invoice: EInvoice, { format, profile }: Written): string {
  const broken = brokenRules(invoice, { format, profile });
  if (broken.length > 0)
    throw conflict(
      'einvoice_refused',
      `${invoice.number} can’t be an electronic invoice of the profile ${profile}: ` +
        broken.map(({ id, says, remedy }) => `${id}: ${says} ${remedy}`).join(' '),
      broken.map(({ id, says, remedy }) => ({ field: id, message: `${says} ${remedy}` })),
    );
  return format === 'ubl' ? ubl(invoice, profile) : cii(invoice, profile);
}
