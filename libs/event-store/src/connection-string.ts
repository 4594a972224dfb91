/**
 * The servers of an EventStoreDB or KurrentDB, as its clients name them:
 * `esdb://user:password@a:2113,b:2113,c:2113?nodePreference=leader`. `kurrentdb://` and `kurrentdb+discover://` are the
 * names of the successor for the same protocol.
 */
const FORM = /^(?:esdb|kurrentdb)(?:\+discover)?:\/\/(?:[^:@\s]+:[^@\s]+@)?[^\s/?@,]+(?:,[^\s/?@,]+)*\/*(?:\?\S*)?$/;

export const isConnectionString = (text: string): boolean => FORM.test(text.trim());

/** The client knows only the older names. */
export const forClient = (text: string): string => text.trim().replace(/^kurrentdb(?=\+discover:|:)/, 'esdb');

/** What is wrong with a connection string, without the string: it may hold a password. */
export function connectionFault(error: unknown): string {
  const { location, expected } = error as { readonly location?: unknown; readonly expected?: unknown };
  const [from] = Array.isArray(location) ? (location as unknown[]) : [];
  return typeof from === 'number' && typeof expected === 'string'
    ? `is no connection string of EventStoreDB: ${expected} is expected at character ${from + 1}`
    : 'is no connection string of EventStoreDB, such as esdb://localhost:2113?tls=false';
}
