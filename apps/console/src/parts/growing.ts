/** So many items of a list are asked for at first. */
export const FIRST_ITEMS = 50;
/** The most that `explain` takes. */
const MOST_ITEMS = 1_000_000;

/** How many are asked for when more are to be shown. */
export const moreThan = (count: number): number => Math.min(count * 5, MOST_ITEMS);
