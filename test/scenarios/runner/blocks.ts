/** Where something stands in a story, as an error names it. */
export interface Place {
  readonly file: string;
  readonly line: number;
}
export const placeText = ({ file, line }: Place): string => `${file}:${line}`;

/** A story that can't be read: where, what, and what was expected there. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
  constructor(place: Place, message: string) {
    super(`${placeText(place)}: ${message}`);
  }
}

/** A line of a story without its comment, and the lines indented below it. */
export interface Block {
  readonly place: Place;
  readonly text: string;
  readonly children: readonly Block[];
}

interface OpenBlock {
  readonly place: Place;
  readonly text: string;
  readonly indent: number;
  readonly children: OpenBlock[];
}

const COMMENT = /(^|\s)#.*$/;

/** The entries of a text: what is indented belongs to the nearest line above that is indented less. */
export function blocksOf(file: string, text: string): Block[] {
  const root: OpenBlock = { place: { file, line: 0 }, text: '', indent: -1, children: [] };
  let open = [root];
  for (const [index, raw] of text.split('\n').entries()) {
    const place = { file, line: index + 1 };
    const content = raw.replace(COMMENT, '').trimEnd();
    if (content === '') continue;
    if (content.includes('\t'))
      throw new ScenarioError(place, 'indent and align with spaces: a tab is as wide as the reader likes');
    const block: OpenBlock = { place, text: content.trim(), indent: content.search(/\S/), children: [] };
    open = open.filter(({ indent }) => indent < block.indent);
    open.at(-1)?.children.push(block);
    open.push(block);
  }
  return root.children;
}
