import type { TableDefinition } from '#read-model/table';
import type { QueryContext } from '#ledger/query';
import { dropSchema, project } from '../replay/replay.js';
import { type DifferingRow, differingRows, differingTables } from '../replay/replay-compare.js';
import { type Finding, REBUILD } from './finding.js';

/** The schema of a replay that is dropped when it is compared. */
const SCRATCH = 'ledgerline_check';
/** Of a table, so many rows are named. */
const MOST_ROWS = 20;

/**
 * Replaying the log gives the live read models, row for row: what agrees with itself may still not be what was recorded. Takes about as
 * long as a rebuild, and as much disk.
 */
export async function differencesFromLog(context: QueryContext): Promise<Finding[]> {
  const { core } = context;
  return core.exclusively('check', async () => {
    // What a check that was killed has left.
    await dropSchema(core, SCRATCH);
    try {
      await project(context, SCRATCH);
      const findings: Finding[] = [];
      for (const table of await differingTables(context, SCRATCH)) findings.push(await differs(context, table));
      return findings;
    } finally {
      await dropSchema(core, SCRATCH);
    }
  });
}

async function differs(context: QueryContext, table: TableDefinition): Promise<Finding> {
  const { count, rows: examples } = await differingRows(context, SCRATCH, table, MOST_ROWS);
  const [first] = examples;
  const where = first === undefined ? '' : `; the first: ${told(first)}`;
  return {
    code: 'read_model_differs',
    message: `${count} row versions of ${table.name} are not what the log says${where}`,
    ids: { table: table.name, rows: count, examples },
    remedy: REBUILD,
  };
}

function told({ key, shown, recorded }: DifferingRow): string {
  const row = Object.values(key)
    .filter((value) => value !== null && value !== '')
    .join(' ');
  if (recorded === null) return `${row}, which nobody recorded`;
  if (shown === null) return `${row}, which is missing`;
  const columns = [...new Set([...Object.keys(shown), ...Object.keys(recorded)])];
  return `${row}: ${columns.map((column) => `${column} ${shown[column] ?? 'nothing'} is shown, ${recorded[column] ?? 'nothing'} was recorded`).join('; ')}`;
}
