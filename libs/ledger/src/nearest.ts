/** A typing error changes a letter or two. */
const MOST_CHANGES = 2;

/** ` Did you mean "margin"?`, if one of the names is spelled almost like this. */
export function didYouMean(name: string, names: Iterable<string>): string {
  let best: { readonly name: string; readonly changes: number } | undefined;
  for (const each of names) {
    const changes = changesBetween(name, each);
    if (changes <= MOST_CHANGES && changes < each.length / 2 && (best === undefined || changes < best.changes))
      best = { name: each, changes };
  }
  return best === undefined ? '' : ` Did you mean "${best.name}"?`;
}

/** Letters to insert, remove or replace (Levenshtein), at least. */
function changesBetween(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > MOST_CHANGES) return Infinity;
  let above = Array.from({ length: other.length + 1 }, (_, n) => n);
  for (let row = 0; row < one.length; row += 1) {
    const here = [row + 1];
    for (let column = 0; column < other.length; column += 1)
      here.push(
        Math.min(
          (here[column] ?? 0) + 1,
          (above[column + 1] ?? 0) + 1,
          (above[column] ?? 0) + (one[row] === other[column] ? 0 : 1),
        ),
      );
    above = here;
  }
  return above[other.length] ?? 0;
}
