/** What a row is for. These texts are on issued invoices, so they are permanent. */
/** What lacks to the minimum of the period. */
export const MINIMUM_COMMITMENT = 'minimum-commitment';
/** What lacks to a commitment over several periods. */
export const COMMITMENT_TRUE_UP = 'commitment-true-up';

type Lacking = typeof MINIMUM_COMMITMENT | typeof COMMITMENT_TRUE_UP;
export type Ref = 'usage' | 'flat' | 'fixed' | Lacking | `tier-${number}` | `tier-${number}-flat`;

/** A reference without the number of its tier. `rate`: a row of a rate card, whose reference is the key of its rate. */
export type RefKind = 'usage' | 'tier' | 'tier-flat' | 'flat' | 'fixed' | Lacking | 'rate';

/**
 * What the quantity of a row counts. `usage`: used units · `once`: 1, if a condition is met · `period`: 1, for the
 * period itself.
 */
const COUNTS: Readonly<Record<RefKind, 'usage' | 'once' | 'period'>> = {
  usage: 'usage',
  tier: 'usage',
  rate: 'usage',
  'tier-flat': 'once',
  fixed: 'once',
  'minimum-commitment': 'once',
  'commitment-true-up': 'period',
  flat: 'period',
};

const TIER = /^tier-(\d+)(-flat)?$/;

/** The kind of a reference, and the number of its tier where it has one. */
export function readRef(ref: string): { readonly kind: RefKind; readonly tier?: string } {
  const [, tier, flat] = TIER.exec(ref) ?? [];
  if (tier !== undefined) return { kind: flat === undefined ? 'tier' : 'tier-flat', tier };
  switch (ref) {
    case 'usage':
    case 'flat':
    case 'fixed':
    case 'minimum-commitment':
    case 'commitment-true-up':
      return { kind: ref };
    default:
      return { kind: 'rate' };
  }
}

/** Whether the row's quantity is usage. Else it is 1. */
export const isForUsage = (ref: string): boolean => COUNTS[readRef(ref).kind] === 'usage';

/** Whether the row is for the period itself, with or without usage. */
export const isForPeriod = (ref: string): boolean => COUNTS[readRef(ref).kind] === 'period';
