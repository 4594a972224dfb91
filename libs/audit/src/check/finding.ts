import type { RawBuilder } from 'kysely';
import type { QueryContext } from '#ledger/query';

/** An invariant that does not hold, or a notice: about what, and what to do. */
export interface Finding {
  readonly code: string;
  readonly message: string;
  readonly ids: Readonly<Record<string, unknown>>;
  readonly remedy: string;
}

/** Checks all data as of a position. Empty: the invariant holds. */
export type Check = (context: QueryContext) => Promise<Finding[]>;

/** A check that is one statement. Each row that it returns is a finding, and the row's columns are its ids. */
export const sqlCheck =
  <Row extends object>({
    code,
    find,
    message,
    remedy,
  }: {
    readonly code: string;
    readonly find: (position: number) => RawBuilder<Row>;
    readonly message: (row: Row) => string;
    readonly remedy: string;
  }): Check =>
  async ({ core, position }) => {
    const { rows } = await find(position).execute(core.db);
    return rows.map((row) => ({ code, message: message(row), ids: camelCased(row), remedy }));
  };

const camelCased = (row: object): Finding['ids'] =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]: [string, unknown]) => [
      name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );

/** Without `--accept`, a rebuild that finds differences replaces nothing. */
export const REBUILD =
  'The read models differ from the log: rebuild them (ledgerline projections rebuild --accept), then check again.';
