/** What a row is for. These texts are on issued invoices, so they are permanent. */
/** What lacks to the minimum of the period. */
export const MINIMUM_COMMITMENT = 'minimum-commitment';
/** What lacks to a commitment over several periods. */
export const COMMITMENT_TRUE_UP = 'commitment-true-up';

type Lacking = typeof MINIMUM_COMMITMENT | typeof COMMITMENT_TRUE_UP;
type UsageRef = 'usage' | 'fixed' | `tier-${number}` | `tier-${number}-flat`;
/** What the share of a pool takes off a usage row has the row's reference after this prefix. */
export const POOLED = 'pooled-';
export type Ref = UsageRef | 'flat' | Lacking | `${typeof POOLED}${UsageRef}`;

export const pooledRef = (ref: string): string => `${POOLED}${ref}`;

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

interface ReadRef {
  readonly kind: RefKind;
  readonly tier?: string;
  /** true: the row is the share of a pool. Its quantity and amounts are below 0. */
  readonly isPooled?: true;
}

/** The kind of a reference, and the number of its tier where it has one. */
export function readRef(ref: string): ReadRef {
  if (ref.startsWith(POOLED)) {
    const of = readRef(ref.slice(POOLED.length));
    if (of.kind !== 'rate') return { ...of, isPooled: true };
  }
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
