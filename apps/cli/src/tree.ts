/** A text and the nodes below it. */
export interface Node {
  readonly text: string;
  /** It shows where an amount comes from, not how it is computed. */
  readonly isEvidence?: boolean;
  /** The position of the event that it shows. */
  readonly event?: number;
  readonly below?: readonly Node[];
}

/** A tree without what shows where its amounts come from. */
export const withoutEvidence = ({ text, below = [] }: Node): Node => ({
  text,
  below: below.filter(({ isEvidence }) => isEvidence !== true).map(withoutEvidence),
});

/** Shows each event once. Where it comes again, only its position is named. `seen`: the positions so far. */
export function withEventsOnce({ below = [], ...node }: Node, seen = new Set<number>()): Node {
  const shown: Node[] = [];
  const again: number[] = [];
  for (const each of below) {
    if (each.event !== undefined && seen.has(each.event)) again.push(each.event);
    else {
      if (each.event !== undefined) seen.add(each.event);
      shown.push(withEventsOnce(each, seen));
    }
  }
  const text = `event${again.length === 1 ? '' : 's'} ${again.join(', ')}: see above`;
  return { ...node, below: again.length === 0 ? shown : [...shown, { text, isEvidence: true }] };
}

/** The lines of a tree, each level indented by its branches. */
export function treeLines({ text, below = [] }: Node): string[] {
  return [
    text,
    ...below.flatMap((node, index) => {
      const isLast = index === below.length - 1;
      return treeLines(node).map((line, n) =>
        n === 0 ? `${isLast ? '└─' : '├─'} ${line}` : `${isLast ? '  ' : '│ '} ${line}`,
      );
    }),
  ];
}
