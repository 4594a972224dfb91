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

describe('an API answer', () => {
  /** The codes and fields of the notes, of a document read as a whole and by item, or of its lines. */
  async function notesOf(name: string, content: string, longestWhole = WHOLE, list?: string): Promise<unknown> {
    const source = await openSource(await files.write(name, content), () => Readable.from([]));
    const { pages, noted } = name.endsWith('.json')
      ? await jsonDocument(source, () => undefined, list, longestWhole)
      : await rowsOf(source, list === undefined ? {} : { list }, () => undefined);
    let rows = 0;
    for await (const page of pages) rows += page.length;
    expect(rows).toBeGreaterThan(0);
    return noted?.().map(({ code, field }) => [code, field]);
  }
  const warned =
    '{"status":"success","warnings":["store 2 is down"],"data":{"resultType":"matrix","result":[' +
    '{"metric":{},"values":[[1775037600,"5"]]}]}}';
  const stripe = (more: boolean): string => `{"object":"list","has_more":${more},"data":[{"identifier":"a"}]}`;
  const droplets = (links: string): string => `{"droplets":[{"id":1}],"links":${links},"meta":{"total":2}}`;
  const NEXT = '{"pages":{"next":"https://api.digitalocean.com/v2/droplets?page=2"}}';

  it.each([
    [warned, 'answer_warning', 'warnings'],
    ['{"code":200,"warning":"no prices","data":[{"a":{"window":{},"totalCost":1}}]}', 'answer_warning', 'warnings'],
    [stripe(true), 'further_page', 'has_more'],
    [droplets(NEXT), 'further_page', 'links.pages.next'],
    [`{"first":${droplets(NEXT)},"other":{"volumes":[{"id":2}],"links":{}}}`, 'further_page', 'links.pages.next'],
  ])('is noted if it lacks something: %s', async (answer, code, field) => {
    for (const longestWhole of [WHOLE, BY_ITEM])
      expect(await notesOf('answer.json', answer, longestWhole)).toEqual([[code, field]]);
    // Named answers, as in files of examples, are no line.
    if (!answer.startsWith('{"first"')) expect(await notesOf('answer.jsonl', `${answer}\n`)).toEqual([[code, field]]);
  });

  it('lacks nothing if its last page is in the file, or if it names none', async () => {
    expect(await notesOf('pages.jsonl', `${stripe(false)}\n${stripe(true)}\n`)).toEqual([]);
    expect(await notesOf('pages.jsonl', `${droplets(NEXT)}\n${droplets('{}')}\n`)).toEqual([]);
    expect(await notesOf('pages.json', droplets('{"pages":{"prev":"…"}}'))).toEqual([]);
    // A row is no answer.
    expect(await notesOf('rows.jsonl', '{"quantity":1,"warnings":["a"],"has_more":true}\n')).toEqual([]);
  });

  it('is noted also if a mapping names its list', async () => {
    const answer = '{"warnings":["late"],"has_more":true,"data":{"items":[{"a":1}]}}';
    for (const longestWhole of [WHOLE, BY_ITEM])
      expect(await notesOf('listed.json', answer, longestWhole, 'data.items')).toEqual([
        ['answer_warning', 'warnings'],
        ['further_page', 'has_more'],
      ]);
  });
});

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
