/** A text and the nodes below it. */
export interface Node {
  readonly text: string;
  /** It shows where an amount comes from, not how it is computed. */
  readonly isEvidence?: boolean;
  readonly below?: readonly Node[];
}

/** A tree without what shows where its amounts come from. */
export const withoutEvidence = ({ text, below = [] }: Node): Node => ({
  text,
  below: below.filter(({ isEvidence }) => isEvidence !== true).map(withoutEvidence),
});

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
