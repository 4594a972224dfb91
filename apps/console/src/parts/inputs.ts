/** The items of a text with commas between them, each trimmed, without empty ones. */
export const listIn = (text: string): string[] =>
  text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');

/** Tells what was typed into a field. */
export const changing =
  (set: (value: string) => void) =>
  ({ currentTarget }: { readonly currentTarget: { readonly value: string } }): void => {
    set(currentTarget.value);
  };
