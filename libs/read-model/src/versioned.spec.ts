import { expect, it } from '@jest/globals';
import type { RecordedEvent } from '#domain/events';
import { instant } from '#domain/time/instant';
import { type Fact, projected } from '../../../test/support/projections.js';
import { bigint, boolean, int, jsonb, numeric, text, timestamptz } from './column.js';
import { defineTable } from './table.js';
import { changing, type Rows, type Touch, versionedProjectionOf } from './versioned.js';

/** Notes of a tag, read and changed together. */
const notes = defineTable({
  name: 'notes',
  columns: { tag: text, n: int, said: text.nullable(), more: jsonb<object>().nullable() },
  key: ['tag', 'n'],
  group: ['tag'],
});
/** The types that notes lack. */
const figures = defineTable({
  name: 'figures',
  columns: {
    tag: text,
    n: int,
    amount: numeric.nullable(),
    at: timestamptz.nullable(),
    is_open: boolean.nullable(),
    position: bigint.nullable(),
  },
  key: ['tag', 'n'],
  group: ['tag'],
});
const elsewhere = defineTable({ name: 'elsewhere', columns: { tag: text }, key: ['tag'] });

const note = (n: number, said: string | null, more: object | null = null) => ({ tag: 'a', n, said, more });

/** What an event does is said by the case. */
let touches: readonly Touch[] = [];
let apply: (rows: Rows, event: RecordedEvent<'CommandUnchanged'>) => void = () => undefined;
const projection = versionedProjectionOf<'notes', 'CommandUnchanged' | 'EventSkipped'>(
  'notes',
  new Set(['CommandUnchanged', 'EventSkipped']),
  {
    version: 1,
    tables: [notes, figures],
    on: {
      CommandUnchanged: { touches: () => touches, apply: (event, rows) => apply(rows, event) },
      EventSkipped: changing(
        notes,
        () => ['a'],
        ({ data }, rows) => [...rows, note(data.position, data.reason)],
      ),
    },
  },
);

const { when, versions } = projected(projection);

const EVENT: Fact = { CommandUnchanged: { command: 'a' } };
const skipped = (n: number): Fact => ({
  EventSkipped: { position: n, eventId: '00000000-0000-4000-8000-000000000001', type: 'X', reason: 'broken' },
});
const doing = (does: typeof apply, of: readonly Touch[] = [{ table: notes, group: ['a'] }]): void => {
  [touches, apply] = [of, does];
};

it.each([
  ['one batch', async () => when(EVENT, EVENT)],
  ['a batch each', async () => when(EVENT).then(async () => when(EVENT))],
])('keeps a version of a row for each event that changes it, in %s', async (_batches, run) => {
  doing((rows, { position }) => {
    rows.set(notes, ['a'], [note(1, `said at ${position}`)]);
  });
  await run();

  expect(await versions(notes)).toEqual([
    { tag: 'a', n: 1, said: 'said at 1', position_from: 1, position_to: 2 },
    { tag: 'a', n: 1, said: 'said at 2', position_from: 2 },
  ]);
});

it.each([
  ['one batch', async () => when(EVENT, EVENT)],
  ['a batch each', async () => when(EVENT).then(async () => when(EVENT))],
])('keeps the version of a row whose objects have the same values in another order, in %s', async (_batches, run) => {
  // Postgres orders the keys of jsonb by their length: what a later batch reads is not what an earlier one wrote.
  doing((rows, { position }) => {
    const tier = position === 1 ? { price: '1', of: [{ longer: 1, b: 2 }] } : { of: [{ b: 2, longer: 1 }], price: '1' };
    rows.set(notes, ['a'], [note(1, 'x', tier)]);
  });
  await run();

  expect(await versions(notes)).toEqual([
    { tag: 'a', n: 1, said: 'x', more: { of: [{ b: 2, longer: 1 }], price: '1' }, position_from: 1 },
  ]);
});

it('writes many rows with the same values as few', async () => {
  const said = ['a\tb\nc\r', '\\N', '', null, 'ä "quoted"'];
  const many = Array.from({ length: 600 }, (_, n) => note(n, said[n % 5] ?? null, { path: 'C:\\temp', text: 'a\nb' }));
  doing((rows) => {
    rows.set(notes, ['a'], many);
  });
  await when(EVENT);

  const few = many.slice(0, 5).map(({ said, ...row }) => ({ ...row, ...(said === null ? {} : { said }) }));
  const found = await versions(notes);
  expect(found.length).toBe(600);
  expect(found.slice(0, 5)).toEqual(few.map((row) => ({ ...row, position_from: 1 })));
});

// From 500 rows on they are written by COPY.
it.each([
  ['few', 6],
  ['many', 600],
])('keeps decimals, instants, booleans and positions exactly, in %s rows', async (_rows, count) => {
  const nines = '9'.repeat(60);
  const hard = [
    { amount: `-${nines}.${nines}`, at: instant('0001-01-01T00:00:00Z'), is_open: false, position: -1 },
    { amount: '0.000000000000000001', at: instant('2026-03-29T01:59:59.999999Z'), is_open: true, position: 0 },
    { amount: '-0.10', at: instant('1969-12-31T23:59:59.000001Z'), is_open: null, position: Number.MAX_SAFE_INTEGER },
    { amount: '0', at: instant('9999-12-31T23:59:59.999999Z'), is_open: true, position: Number.MIN_SAFE_INTEGER },
    { amount: null, at: null, is_open: false, position: null },
    { amount: '100000000000000000000', at: instant('2026-04-01T00:00:00.1Z'), is_open: null, position: 2_147_483_648 },
  ];
  const rows = Array.from({ length: count }, (_, n) => ({ tag: 'a', n, ...hard[n % hard.length] }));
  doing(
    (of) => {
      of.set(figures, ['a'], rows);
    },
    [{ table: figures, group: ['a'] }],
  );
  await when(EVENT);

  const found = await versions(figures);
  expect(found.length).toBe(count);
  expect(found.slice(-6)).toEqual([
    ...[
      { amount: `-${nines}.${nines}`, at: '0001-01-01T00:00:00Z', is_open: false, position: -1 },
      { amount: '0.000000000000000001', at: '2026-03-29T01:59:59.999999Z', is_open: true, position: 0 },
      { amount: '-0.10', at: '1969-12-31T23:59:59.000001Z', position: 9_007_199_254_740_991 },
      { amount: '0', at: '9999-12-31T23:59:59.999999Z', is_open: true, position: -9_007_199_254_740_991 },
      { is_open: false },
      { amount: '100000000000000000000', at: '2026-04-01T00:00:00.1Z', position: 2_147_483_648 },
    ].map((row, index) => ({ tag: 'a', n: count - 6 + index, ...row, position_from: 1 })),
  ]);
  // What was read is what was written: the same rows again make no version.
  await when(EVENT);
  expect((await versions(figures)).length).toBe(count);
});

it('gives an event the rows of its group, including those of earlier events of the batch', async () => {
  await when(skipped(7));
  await when(skipped(8), skipped(9));

  expect(await versions(notes)).toEqual([
    { tag: 'a', n: 7, said: 'broken', position_from: 1 },
    { tag: 'a', n: 8, said: 'broken', position_from: 2 },
    { tag: 'a', n: 9, said: 'broken', position_from: 3 },
  ]);
});

it('reads an omitted nullable column as null, also for later events of the batch', async () => {
  const seen: unknown[] = [];
  doing((rows) => {
    seen.push(...rows.get(notes, 'a'));
    rows.set(notes, ['a'], [{ tag: 'a', n: 1, said: 'x' }]);
  });
  await when(EVENT, EVENT);

  expect(seen).toEqual([note(1, 'x')]);
  expect(await versions(notes)).toEqual([{ tag: 'a', n: 1, said: 'x', position_from: 1 }]);
});

it('closes the version of an omitted row', async () => {
  doing((rows, { position }) => {
    rows.set(notes, ['a'], position === 1 ? [note(1, 'x'), note(2, 'y')] : [note(2, 'y')]);
  });
  await when(EVENT);
  await when(EVENT);

  expect(await versions(notes)).toEqual([
    { tag: 'a', n: 1, said: 'x', position_from: 1, position_to: 2 },
    { tag: 'a', n: 2, said: 'y', position_from: 1 },
  ]);
});

it('keeps the version of a row that is set to its present value', async () => {
  doing((rows) => {
    rows.set(notes, ['a'], [note(1, null, { at: [1, null] })]);
  });
  await when(EVENT);
  await when(EVENT, EVENT);

  expect(await versions(notes)).toEqual([{ tag: 'a', n: 1, more: { at: [1, null] }, position_from: 1 }]);
});

it('keeps no version that one event both made and replaced: it was never in force', async () => {
  doing((rows) => {
    rows.set(notes, ['a'], [note(1, 'first'), note(2, 'gone')]);
    rows.set(notes, ['a'], [note(1, 'second')]);
  });
  await when(EVENT);

  expect(await versions(notes)).toEqual([{ tag: 'a', n: 1, said: 'second', position_from: 1 }]);
});

it('refuses to read or change a group that is not in touches', async () => {
  const message = 'notes: touches does not name group ["b"], which is read or changed';
  doing((rows) => {
    rows.get(notes, 'b');
  });
  await expect(when(EVENT)).rejects.toThrow(message);
  doing((rows) => {
    rows.set(notes, ['b'], []);
  });
  await expect(when(EVENT)).rejects.toThrow(message);
});

it('refuses two rows of one key', async () => {
  doing((rows) => {
    rows.set(notes, ['a'], [note(1, 'x'), note(1, 'y')]);
  });
  await expect(when(EVENT)).rejects.toThrow('notes: two rows of group ["a"] have the same key');
});

it("refuses a table that is not the projection's", async () => {
  doing(() => undefined, [{ table: elsewhere, group: ['a'] }]);
  await expect(when(EVENT)).rejects.toThrow('Table elsewhere does not belong to this projection');
});
