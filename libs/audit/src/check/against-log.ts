import type { TableDefinition } from '#read-model/table';
import type { QueryContext } from '#ledger/query';
import { dropSchema, project } from '../replay/replay.js';
import { type DifferingRow, differingRows, differingTables } from '../replay/replay-compare.js';
import { type Finding, REBUILD } from './finding.js';

/** The schema of the replay. It is dropped after the comparison. */
const SCRATCH = 'ledgerline_check';
/** At most this many rows of a table are listed. */
const MOST_ROWS = 20;

/**
 * Replays the log and compares the read models row by row: data that is consistent may still differ from what was
 * recorded. Takes as long as a rebuild, and as much disk space.
 */
export async function differencesFromLog(context: QueryContext): Promise<Finding[]> {
  const { core } = context;
  return core.exclusively('check', async () => {
    // An interrupted check may have left the schema.
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
  const where = first === undefined ? '' : `; the first: ${differenceText(first)}`;
  return {
    code: 'read_model_differs',
    message: `${count} row versions of ${table.name} differ from the log${where}`,
    ids: { table: table.name, rows: count, examples },
    remedy: REBUILD,
  };
}

function differenceText({ key, shown, recorded }: DifferingRow): string {
  const row = Object.values(key)
    .filter((value) => value !== null && value !== '')
    .join(' ');
  if (recorded === null) return `${row}, which was never recorded`;
  if (shown === null) return `${row}, which is missing`;
  const columns = [...new Set([...Object.keys(shown), ...Object.keys(recorded)])];
  const differences = columns.map(
    (column) => `${column} is ${shown[column] ?? 'nothing'}, but ${recorded[column] ?? 'nothing'} was recorded`,
  );
  return `${row}: ${differences.join('; ')}`;
}
