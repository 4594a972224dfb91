import { isDomainError } from '#domain/schema';

/** The command line itself is wrong: exit 2, where a refusal or a failure is 1. */
export class WrongUsage extends Error {
  override readonly name = 'WrongUsage';
}

/** Reads a part of the command line; what is wrong with it is wrong usage. */
export function given<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw new WrongUsage(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Refused for these reasons, it is the command line that is at fault. */
const OF_THE_COMMAND_LINE: readonly string[] = [
  'unknown_query',
  'invalid_parameter',
  'invalid_as_of',
  'invalid_schema',
  'invalid_span',
];

/** What the ledger says of a name or a parameter that it doesn't know is said of the command line. */
export async function asked<Value>(answer: Promise<Value>): Promise<Value> {
  try {
    return await answer;
  } catch (error) {
    throw isDomainError(error) && OF_THE_COMMAND_LINE.includes(error.code)
      ? new WrongUsage(error.message, { cause: error })
      : error;
  }
}
