/**
 * A copy of a text. V8 keeps a part of a larger text as a reference to all of that: where parts of the pages of a file
 * are remembered, the whole file would stay in memory.
 */
export const ownText = (text: string): string => ` ${text}`.slice(1);
