import type { Format, ProfileName } from './profiles.js';
import { type Rule, rule } from './rule.js';

/** The binding of the norm to CII D16B (CEN/TS 16931-3-3) allows one BG-3, where the norm allows any number. */
export const CII_D16B_RULES: readonly Rule[] = [
  rule(
    'CII-BG-3',
    'In CII D16B, an invoice names at most one earlier invoice.',
    'Write this invoice in UBL, or in CII with the profile facturx.',
    ({ preceding }) => preceding.length <= 1,
  ),
];

/** The rules that a syntax adds. Factur-X 1.0.07 is CII D22B, which has no such limit. */
export const syntaxRules = (format: Format, profile: ProfileName): readonly Rule[] =>
  format === 'cii' && profile !== 'facturx' ? CII_D16B_RULES : [];
