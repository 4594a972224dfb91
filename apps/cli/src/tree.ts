/** A text and the nodes below it. */
export interface Node {
  readonly text: string;
  readonly below?: readonly Node[];
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
