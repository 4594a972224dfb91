/** Node has these functions and the third parameter. Their types lack them so far. */
declare global {
  interface JSON {
    rawJSON(text: string): unknown;
    isRawJSON(value: unknown): boolean;
  }
}
type Reviver = (key: string, value: unknown, context?: { readonly source?: string }) => unknown;

const asText: Reviver = (_key, value, context) => (typeof value === 'number' ? context?.source : value);
const asRaw: Reviver = (_key, value, context) =>
  typeof value === 'number' ? JSON.rawJSON(context?.source ?? String(value)) : value;

/** JSON with numbers as their original text: a float would not be exact. */
export const exactly = (text: string): unknown => JSON.parse(text, asText);

/** JSON whose numbers `JSON.stringify` writes as they were. */
export const verbatim = (text: string): unknown => JSON.parse(text, asRaw);

/** Whether a value of `verbatim` is a number. */
export const isRawNumber = (value: unknown): boolean => JSON.isRawJSON(value);
