/**
 * The servers of an EventStoreDB or KurrentDB, as its clients name them:
 * `esdb://user:password@a:2113,b:2113,c:2113?nodePreference=leader`. `kurrentdb://` and `kurrentdb+discover://` are the
 * names of the successor for the same protocol.
 */
const FORM = /^(?:esdb|kurrentdb)(?:\+discover)?:\/\/(?:[^:@\s]+:[^@\s]+@)?[^\s/?@,]+(?:,[^\s/?@,]+)*\/*(?:\?\S*)?$/;

export const isConnectionString = (text: string): boolean => FORM.test(text.trim());

/** The client knows only the older names. */
export const forClient = (text: string): string => text.trim().replace(/^kurrentdb(?=\+discover:|:)/, 'esdb');

/**
 * The reason why the client refuses a connection string. If the client can't parse the string, the reason names only
 * the place of the fault: the client's message quotes the string, which may contain a password.
 */
export function connectionFault(error: unknown, text: string): string {
  const { location, expected, message } = error as Readonly<Record<'location' | 'expected' | 'message', unknown>>;
  const [from] = Array.isArray(location) ? (location as unknown[]) : [];
  if (typeof from !== 'number' || typeof expected !== 'string') return `can't be used: ${String(message)}`;
  const shortened = text.trim().length - forClient(text).length;
  return `is no connection string of EventStoreDB: ${expected} is expected at character ${from + 1 + shortened}`;
}
