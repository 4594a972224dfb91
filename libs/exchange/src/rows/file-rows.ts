import { invalid } from '#domain/errors';
import { csvRows, type SourceRows } from './csv-rows.js';
import { jsonDocument, jsonLines, startOf } from './json-rows.js';
import type { Mapping } from './mapping.js';
import type { Source } from './source.js';

/** The rows of a file in its format: of the mapping, or else of its name and its first line. */
export async function rowsOf(source: Source, mapping: Mapping, onRead: (bytes: number) => void): Promise<SourceRows> {
  switch (await formatOf(source, mapping)) {
    case 'csv':
      if (mapping.list !== undefined)
        throw invalid(
          'invalid_mapping',
          `${source.name} is a CSV file, in which there is no list ${mapping.list}. Remove "list" from the mapping.`,
        );
      return csvRows(source, mapping.delimiter, onRead);
    case 'jsonl':
      return jsonLines(source, onRead, mapping.list);
    case 'json':
      return jsonDocument(source, onRead, mapping.list);
  }
}

async function formatOf(source: Source, mapping: Mapping): Promise<'csv' | 'jsonl' | 'json'> {
  const name = source.name.replace(/\.gz$/, '');
  if (name.endsWith('.rejects.jsonl')) return 'jsonl';
  if (mapping.format !== undefined) return mapping.format;
  if (/\.(jsonl|ndjson)$/.test(name)) return 'jsonl';
  const { first, line } = await startOf(source);
  if (first === '[') return 'json';
  if (first !== '{') return 'csv';
  return isJson(line) ? 'jsonl' : 'json';
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
