import { rowsInForce } from '#read-model/table';
import type { QueryContext } from '#ledger/query';

/** An invariant that does not hold, or a notice: of what, and what to do about it. */
export interface Finding {
  readonly code: string;
  readonly message: string;
  readonly ids: Readonly<Record<string, unknown>>;
  readonly remedy: string;
}

/** Looks at everything there is as of a position. Empty: it holds. */
export type Check = (context: QueryContext) => Promise<Finding[]>;

/** Rows of a read model that are in force at `$1`. */
export const now = (table: string): string => rowsInForce(table, '$1');

/** A check that is one statement: each row of its answer is a finding, and all of its columns are the ids. */
export const sqlCheck =
  (
    code: string,
    statement: string,
    message: (ids: Readonly<Record<string, unknown>>) => string,
    remedy: string,
  ): Check =>
  async ({ core, position }) => {
    const { rows } = await core.pool.query<Record<string, unknown>>(statement, [position]);
    return rows.map((row) => {
      const ids = Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
          value,
        ]),
      );
      return { code, message: message(ids), ids, remedy };
    });
  };

export const REBUILD =
  'The read models are not what the log says: rebuild them (ledgerline projections rebuild), and check again.';
