import { createHash } from 'node:crypto';
import pg from 'pg';

const names = new Map<string, string>();

function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = `q_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
    names.set(text, name);
  }
  return name;
}

/** `query(text, values)` of pg, with a name derived from the text. */
function named([statement, values, ...rest]: readonly unknown[]): unknown[] {
  const isPlain = typeof statement === 'string' && Array.isArray(values) && values.length > 0;
  return isPlain ? [{ name: nameOf(statement), text: statement, values }, ...rest] : [statement, values, ...rest];
}

/**
 * A client that prepares each statement with values once, and later sends only the values: planning our joins takes
 * Postgres longer than running them. The texts are constants of the program, so there are only some dozens.
 */
export class PreparingClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    const query = this.query.bind(this) as (...args: readonly unknown[]) => unknown;
    this.query = ((...args: readonly unknown[]) => query(...named(args))) as typeof this.query;
  }
}
