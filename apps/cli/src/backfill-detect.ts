import { existsSync, writeFileSync } from 'node:fs';
import { withSources } from '#exchange/backfill/backfill';
import { detect, type DetectedRow, type Detection } from '#exchange/backfill/detect';
import { counted, print, printJson, say } from './output.js';

/** Shows which preset fits a file. Returns 1 if none does: a mapping to start from is then written beside it. */
export async function detected(file: string, asJson: boolean): Promise<number> {
  return withSources({ files: [file], stdin: () => process.stdin }, async ([source]) => {
    if (source === undefined) throw new Error(`there is no file ${file}`);
    const detection = await detect(source);
    const map = writtenMap(file, detection);
    if (asJson) printJson({ file, ...detection, map });
    else show(file, detection, map);
    return detection.found.length > 0 ? 0 : 1;
  });
}

/** The path of the mapping that was written. An existing file stays. */
function writtenMap(file: string, { mapping }: Detection): string | null {
  const map = `${file}.map.json`;
  if (mapping === null || file === '-') return null;
  if (existsSync(map)) throw new Error(`${map} exists. Complete it, or remove it and detect again.`);
  writeFileSync(map, `${JSON.stringify(mapping.mapping, null, 2)}\n`);
  return map;
}

function show(file: string, { found, columns, mapping }: Detection, map: string | null): void {
  for (const { kind, preset, rows } of found) {
    print(`${file}: ${kind}, preset ${preset}`);
    showRows(rows);
    say(`import it: ledgerline backfill ${kind} ${file} --preset ${preset}`);
  }
  if (mapping === null) return;
  print(
    mapping.isRecognised
      ? `${file}: ${mapping.kind}, preset ${mapping.mapping.preset ?? ''}, which needs values that the file lacks`
      : `${file}: no preset fits its ${counted(columns.length, 'column')}: ${columns.join(', ')}`,
  );
  showRows(mapping.rows);
  if (map === null) return;
  say(`${map} is a mapping to start from: fill it in, then run`);
  say(`ledgerline backfill ${mapping.kind} ${file} --map ${map} --dry-run`);
}

function showRows(rows: readonly DetectedRow[]): void {
  for (const each of rows)
    print(
      'reason' in each
        ? `row ${each.row}: ${[each.field ?? [], each.reason].flat().join(' ')}`
        : JSON.stringify(each.item),
    );
}
