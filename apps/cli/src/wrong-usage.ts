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
