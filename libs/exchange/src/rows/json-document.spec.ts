import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { folder } from '../../../../test/support/cli.js';
import { checkedOn } from '../../../../test/support/properties.js';
import { rowsOf } from './file-rows.js';
import { jsonDocument } from './json-document.js';
import { JsonItems } from './json-items.js';
import type { SourceRow } from './row.js';
import { openSource } from './source.js';

const RUNS = checkedOn(100);

let files: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  files = await folder();
});
afterAll(async () => files.remove());

const WHOLE = Infinity;
const BY_ITEM = 0;

/** The rows of a document, or the code and message why it has none. */
async function read(content: string, longestWhole: number, list?: string): Promise<SourceRow[] | string> {
  const source = await openSource(await files.write('rows.json', content), () => Readable.from([]));
  const rows: SourceRow[] = [];
  try {
    const { pages } = await jsonDocument(source, () => undefined, list, longestWhole);
    for await (const page of pages) rows.push(...page);
  } catch (error) {
    // A syntax error has its place in the document, or in its item.
    return String(error).replace(/is not JSON: .*\. Nothing/s, 'is not JSON. Nothing');
  }
  return rows;
}

describe('a JSON document', () => {
  it('has the same rows if it is read item by item', async () => {
    for (const [content, list] of [
      ['[{"a": 1.50, "b": "]},{[\\"\\\\"}, {"a": [{"c": {}}]}, 7, "x", null]'],
      [' [ ] '],
      ['{"droplets": [{"id": 1}], "links": {"data": [1]}, "volumes": [{"id": 2.0}, 3]}'],
      ['{"volumes": [], "droplets": []}'],
      ['{"one": {"droplets": [{"id": 1}]}, "two": {"volumes": [{"id": 2}]}, "data": [{"id": 3}]}'],
      ['{"object": "list", "data": [{"id": "a"}, 5, {"id": "b", "amount": 0.10}], "has_more": false}'],
      ['{"data": [{"x": {"window": 1, "totalCost": 0.10}, "y": {"window": 1, "totalCost": 2}}, null, {}]}'],
      ['{"data": [{"x": {"window": 1, "totalCost": 0.10}}, {"y": {"window": 1}}], "object": "list"}'],
      ['{"data": {"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": [[1, "2"], [3, "4"]]}]}}'],
      ['{"data": {"result": []}, "status": "success"}'],
      ['{"account": "7", "page": {"n": 1, "items": [{"a": 0.10}, 3]}, "n": 2.50}', 'page.items'],
      ['[{"account": "7", "items": [{"a": 0.10}]}, {"account": "8", "items": []}, {"account": "9"}]', 'items'],
      ['{"account": "7"}', 'items'],
      ['{"a": {"b": 1}}'],
      ['7'],
      ['[{"a": 1},]'],
      ['[,{"a": 1}]'],
      ['[{"a": 1} {"a": 2}]'],
      ['[{"a": 1}'],
      ['[{"a": 1}]]'],
      ['[{"a": }]'],
      ['[{"a": 1'],
      ['{"droplets": [{"id": 1}]'],
      ['\uFEFF[{"a": "é😀"}]'],
    ] as const)
      expect([content, await read(content, BY_ITEM, list)]).toEqual([content, await read(content, WHOLE, list)]);
  });

  it('has rows with their numbers as they were written, and the fields around their list', async () => {
    expect(await read('{"page": {"items": [{"a": 0.10}, {"a": 2e3}]}, "n": 2.50}', BY_ITEM, 'page.items')).toEqual([
      { row: 1, line: null, fields: { page: {}, n: 2.5, a: 0.1 }, text: '{"n":2.50,"page":{},"a":0.10}' },
      { row: 2, line: null, fields: { page: {}, n: 2.5, a: 2000 }, text: '{"n":2.50,"page":{},"a":2e3}' },
    ]);
  });

  it('is refused if it has a list twice, as one of them would be lost', async () => {
    expect(await read('{"droplets": [{"id": 1}], "droplets": [{"id": 2}]}', BY_ITEM)).toContain('is not JSON');
  });

  it('on one line differs from JSON lines by its end, however long it is', async () => {
    const long = 'x'.repeat(5_000_000);
    const countOf = async (content: string): Promise<number> => {
      const source = await openSource(await files.write('rows', content), () => Readable.from([]));
      const { pages } = await rowsOf(source, {}, () => undefined);
      return (await Array.fromAsync(pages)).flat().length;
    };
    expect(await countOf(`{"object": "list", "data": [{"a": "${long}"}, {"a": 1}]}`)).toBe(2);
    expect(await countOf(`\n{"a": "${long}"}\n{"a": 1}\n{"a": 2}\n`)).toBe(3);
  });
});

describe('the items of a list', () => {
  it('are the same for any division of the text', () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(fc.array(value, { maxLength: 5 }), fc.array(fc.nat(200), { maxLength: 6 }), (list, cuts) => {
        const content = JSON.stringify({ other: list, within: { list }, list: 'none' }, null, 1);
        const at = [0, ...cuts.filter((cut) => cut < content.length), content.length].sort((a, b) => a - b);
        const items = new JsonItems([['within', 'list']]);
        const found = at.slice(1).flatMap((end, index) => items.take(content.slice(at[index], end)));
        expect(found.map(({ text }): unknown => JSON.parse(text))).toEqual(JSON.parse(JSON.stringify(list)));
        const rest: unknown = JSON.parse(items.end());
        const other: unknown = JSON.parse(JSON.stringify(list));
        expect(rest).toEqual({ other, within: { list: [] }, list: 'none' });
      }),
      RUNS,
    );
  });
});
