import { zRecordedId } from '#domain/schema';

/** An id that is encoded as in a URL. null: the text encodes no id. */
export function decodedId(encoded: string): string | null {
  try {
    return zRecordedId.safeParse(decodeURIComponent(encoded)).data ?? null;
  } catch {
    // A `%` that encodes nothing.
    return null;
  }
}
