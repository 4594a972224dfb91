import type { Measured } from './bench.js';

/**
 * What a ratio or a figure must not fall below, or exceed; from this size on: below it, what is the same at any size is
 * most of what is measured.
 */
export interface Bound {
  readonly of: string;
  readonly least?: number;
  readonly most?: number;
  readonly from: number;
}

/** A bound that counted, and whether it holds. */
export type Held = Omit<Bound, 'from'> & { readonly found: number; readonly holds: boolean };

/** Those that count at the measured size. */
export function held(
  { size, ratios, figures }: Pick<Measured, 'size' | 'ratios' | 'figures'>,
  bounds: readonly Bound[],
): Held[] {
  return bounds.flatMap(({ from, ...bound }): Held[] => {
    if (size < from) return [];
    const found = ratios[bound.of] ?? figures[bound.of];
    if (found === undefined) throw new Error(`there is a bound of ${bound.of}, which was not measured`);
    return [{ ...bound, found, holds: found >= (bound.least ?? -Infinity) && found <= (bound.most ?? Infinity) }];
  });
}

export const heldText = ({ of, least, most, found, holds }: Held): string =>
  `  ${holds ? 'holds' : 'FAILS'}  ${of} ${found}: ${least === undefined ? `at most ${most}` : `at least ${least}`}`;
