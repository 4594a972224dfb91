/** Tells what was typed into a field. */
export const changing =
  (set: (value: string) => void) =>
  ({ currentTarget }: { readonly currentTarget: { readonly value: string } }): void => {
    set(currentTarget.value);
  };
