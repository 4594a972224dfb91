import { invalid } from '#domain/errors';
import { csvRows, type SourceRows } from './csv-rows.js';
import { jsonDocument } from './json-document.js';
import { jsonLines } from './json-rows.js';
import type { Mapping } from './mapping.js';
import { contentOf, type Source } from './source.js';

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
  const line = await firstLine(source);
  if (line.startsWith('[')) return 'json';
  if (!line.startsWith('{')) return 'csv';
  if (line.length <= LONGEST_LINE) return isJson(line) ? 'jsonl' : 'json';
  // Too long to be parsed: a document on one line, or else a row or page of an API's answer on each.
  return source.lines > 1 && line.endsWith('}') ? 'jsonl' : 'json';
}

const LONGEST_LINE = 4 * 1024 * 1024;

/** The first line that is not blank. Of a longer one than is parsed, its beginning and its last character. */
async function firstLine(source: Source): Promise<string> {
  const content = contentOf(source).setEncoding('utf8');
  let line = '';
  try {
    for await (const chunk of content as AsyncIterable<string>) {
      line = (line + chunk).replace(/^[\uFEFF\s]+/, '');
      const end = line.search(/[\r\n]/);
      if (end !== -1) return line.slice(0, end).trimEnd();
      if (line.length > 2 * LONGEST_LINE) line = line.slice(0, LONGEST_LINE) + line.trimEnd().slice(-1);
    }
    return line.trimEnd();
  } finally {
    content.destroy();
  }
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
