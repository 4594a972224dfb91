/**
 * Many large texts as one parameter. As an array, each quote and backslash in them would be escaped and read again,
 * which takes some 50 ms for a megabyte of JSON; to join and split them takes one.
 */
export function joinedTexts(values: readonly string[]): [joined: string, separator: string] {
  let separator = SEPARATOR;
  while (values.some((value) => value.includes(separator))) separator += MORE;
  return [values.map((value) => separator + value).join(''), separator];
}

/** Control characters, which JSON has only as escapes. The first is no later one: no text and separator overlap. */
const [SEPARATOR, MORE] = ['\u001e', '\u001f'];

/** SQL: the texts again, from the placeholders of the two parameters. */
export const textsIn = (joined: string, separator: string): string =>
  `(string_to_array(${joined}::text, ${separator}::text))[2:]`;
