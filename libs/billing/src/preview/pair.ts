/** Before and after. */
export type Pair<Of> = readonly [Of, Of];

/** One after the other. */
export const both = async <Of, Result>([before, after]: Pair<Of>, work: (of: Of) => Promise<Result>) =>
  [await work(before), await work(after)] as const satisfies Pair<Result>;
