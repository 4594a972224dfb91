import { isDomainError } from '#domain/schema';
import { messageOf } from './errors.js';

/** An error in the command line: the exit code is 2 (1 for a refusal or a failure). */
export class WrongUsage extends Error {
  override readonly name = 'WrongUsage';
}

/** Reads a part of the command line. An error in it is wrong usage. */
export function readOption<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw new WrongUsage(messageOf(error), { cause: error });
  }
}

/** The codes of errors that the command line caused. */
const OF_THE_COMMAND_LINE: readonly string[] = [
  'unknown_query',
  'invalid_parameter',
  'invalid_as_of',
  'invalid_schema',
  'invalid_span',
];

/** The answer of a query. An unknown query or an invalid parameter is wrong usage. */
export async function asked<Value>(answer: Promise<Value>): Promise<Value> {
  try {
    return await answer;
  } catch (error) {
    throw isDomainError(error) && OF_THE_COMMAND_LINE.includes(error.code)
      ? new WrongUsage(error.message, { cause: error })
      : error;
  }
}
