import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { type CellOptions, Cells } from './cells.js';
import { dateFormat } from './date-format.js';
import { EXACTLY } from './field.js';
import { looseJson } from './loose-json.js';
import { RowFault } from './row.js';

const cells = (fields: Record<string, unknown>, options: Partial<CellOptions> = {}, text?: string): Cells =>
  new Cells({
    columns: new Map(),
    header: null,
    values: {},
    tags: {},
    zone: null,
    dates: null,
    exponents: false,
    nulls: new Set(),
    isLenient: false,
    isGuarded: false,
    ...options,
  }).on({ row: 1, line: 2, fields, ...(text === undefined ? {} : { text }) });

/** The faulty field, and the reason. */
function fault(read: () => unknown): readonly [string | null, string] {
  try {
    read();
  } catch (error) {
    if (error instanceof RowFault) return [error.field, error.message];
    throw error;
  }
  throw new Error('the value was accepted');
}

const LENIENT = { exponents: true, isLenient: true };

it('remembers the times of a file without the pages that they are in', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  const read = cells({});
  for (let hour = 0; hour < 400; hour += 1) {
    const at = new Date(hour * 3_600_000).toISOString();
    const page = `${'x'.repeat(250_000)}${at},${JSON.stringify({ hour: `hour ${hour}` })}`;
    const [time, tags] = [page.slice(250_000, 250_000 + at.length), page.slice(250_001 + at.length)];
    read.on({ row: hour, line: hour, fields: { time, tags } });
    expect(read.instant('time')).toBe(at.replace('.000', ''));
    expect(looseJson(tags)).toEqual({ hour: `hour ${hour}` });
  }
  // The pages have 100 MB.
  expect(used() - before).toBeLessThan(20_000_000);
});

describe('a decimal in a cell', () => {
  it('is converted to its canonical form', () => {
    expect(cells({ amount: '012.50' }).decimal('amount')).toBe('12.5');
    expect(cells({ amount: '-0' }).decimal('amount')).toBe('0');
  });

  it('in exponent form is read exactly and noted if the source uses it', () => {
    const row = cells({ amount: '1.81E-8' }, LENIENT);
    expect(row.decimal('amount')).toBe('0.0000000181');
    expect(row.noted().map(({ code, field, value }) => [code, field, value])).toEqual([
      ['exponent', 'amount', '1.81E-8'],
    ]);
    expect(cells({ amount: '12e3' }, LENIENT).decimal('amount')).toBe('12000');
    expect(cells({ amount: '1.25e1' }, LENIENT).decimal('amount')).toBe('12.5');
  });

  it('in exponent form is refused otherwise, with the plain form', () => {
    const [field, reason] = fault(() => cells({ amount: '1.81E-8' }).decimal('amount'));
    expect([field, reason]).toEqual(['amount', expect.stringContaining('0.0000000181')]);
  });

  it('is refused with separators, and if it is missing', () => {
    expect(fault(() => cells({ amount: '1,000.00' }).decimal('amount'))[1]).toContain('is not a plain decimal');
    expect(fault(() => cells({ amount: ' ' }).decimal('amount'))).toEqual([
      'amount',
      expect.stringContaining('missing'),
    ]);
  });

  it('of JSON keeps the digits that a float would lose', () => {
    const text = '{"quantity": 0.1000000000000000055511151231257827}';
    const fields = JSON.parse(text) as Record<string, unknown>;
    expect(cells(fields, {}, text).decimal('quantity')).toBe('0.1000000000000000055511151231257827');
  });
});

describe('a time in a cell', () => {
  it('is converted to UTC', () => {
    expect(cells({ at: '2026-04-01T02:00:00+02:00' }).instant('at')).toBe('2026-04-01T00:00:00Z');
    expect(cells({ at: '2026-04-01 02:00:00 +0200' }).instant('at')).toBe('2026-04-01T00:00:00Z');
  });

  it.each([
    ['2023-11-13T10:00Z', '2023-11-13T10:00:00Z'],
    ['2023-11-13 10:00 +0200', '2023-11-13T08:00:00Z'],
    ['2023-11-13T10:00:30+02', '2023-11-13T08:00:30Z'],
    ['2023-11-01 00:00:00 UTC', '2023-11-01T00:00:00Z'],
    ['2023-11-01 00:00:00.250000 UTC', '2023-11-01T00:00:00.25Z'],
  ])('is ISO 8601 in every form of it: %s', (written, read) => {
    expect(cells({ at: written }).instant('at')).toBe(read);
  });

  it('without a zone needs the zone of the file, and is noted if that is odd', () => {
    expect(fault(() => cells({ at: '2026-04-01 00:00' }).instant('at'))[1]).toContain('has no zone');
    const row = cells({ at: '2026-04-01 00:00' }, { zone: '+02:00', isLenient: true });
    expect(row.instant('at')).toBe('2026-03-31T22:00:00Z');
    expect(row.noted().map(({ code }) => code)).toEqual(['no_zone']);
  });

  it('is that of the clocks in a time zone', () => {
    const inParis = (at: string): string => cells({ at }, { zone: 'Europe/Paris' }).instant('at');
    // An hour ahead of UTC in winter, two in summer.
    expect(inParis('2026-01-15 12:00')).toBe('2026-01-15T11:00:00Z');
    expect(inParis('2026-07-15 12:00:00.5')).toBe('2026-07-15T10:00:00.5Z');
    expect(inParis('2026-07-15')).toBe('2026-07-14T22:00:00Z');
    expect(inParis('2026-07-15T12:00:00Z')).toBe('2026-07-15T12:00:00Z');
  });

  it('is refused where the clocks show it twice or never', () => {
    const inParis = (at: string) => fault(() => cells({ at }, { zone: 'Europe/Paris' }).instant('at'))[1];
    expect(inParis('2026-03-29 02:30')).toBe(
      'does not exist in Europe/Paris, where clocks are put forward then. Correct it.',
    );
    expect(inParis('2026-10-25 02:30')).toBe(
      'comes twice in Europe/Paris, where clocks are put back then. Write it as 2026-10-25T00:30:00Z or' +
        ' 2026-10-25T01:30:00Z.',
    );
    expect(inParis('2026-02-30 02:30')).toBe('does not exist in the calendar. Correct the date.');
  });

  it('is in the format of the mapping, or has a zone of its own', () => {
    const dates = dateFormat('DD/MM/YYYY HH:mm');
    if (typeof dates === 'string') throw new Error(dates);
    const read = (at: string) => () => cells({ at }, { dates, zone: 'Europe/Paris' }).instant('at');
    expect(read('02/04/2026 00:30')()).toBe('2026-04-01T22:30:00Z');
    expect(read('2026-04-01T22:30:00Z')()).toBe('2026-04-01T22:30:00Z');
    expect(fault(read('31/04/2026 00:30'))[1]).toBe('does not exist in the calendar. Correct the date.');
    expect(fault(read('2026-04-02 00:30'))[1]).toBe(
      'is not in the format DD/MM/YYYY HH:mm of the mapping. Correct it, or the mapping.',
    );
  });

  it('is refused on a day that does not exist', () => {
    expect(fault(() => cells({ at: '2026-02-30T00:00:00Z' }).instant('at'))[1]).toContain('does not exist');
  });
});

describe('a time in another format', () => {
  it.each([
    ['1775001600000', '{"dates": "unix-ms"}'],
    ['1775001600', '{"dates": "unix"}'],
    ['21/09/2023', '{"dates": "DD/MM/YYYY", "zone": "Z"}'],
    ['9/21/2023 4:05 PM', '{"dates": "M/D/YYYY h:mm A", "zone": "Z"}'],
    ['05/09/2023', '{"dates": "DD/MM/YYYY", "zone": "Z"} or {"dates": "MM/DD/YYYY", "zone": "Z"}'],
    ['05/05/2023', '{"dates": "DD/MM/YYYY", "zone": "Z"}'],
    ['21.09.2023 14:30', '{"dates": "DD.MM.YYYY HH:mm", "zone": "Z"}'],
    ['20230921', '{"dates": "YYYYMMDD", "zone": "Z"}'],
    ['20230921T143000Z', '{"dates": "YYYYMMDDTHHmmssZ"}'],
    ['2023/09/21', '{"dates": "YYYY/MM/DD", "zone": "Z"}'],
    ['21-Sep-2023', '{"dates": "DD-MMM-YYYY", "zone": "Z"}'],
  ])('%s says which format to set', (start, mapping) => {
    const [, reason] = fault(() => cells({ start }).instant('start'));
    expect(reason).toBe(`is not an instant such as "2026-04-01T00:00:00Z". Set ${mapping} in a mapping file (--map).`);
    // The reading with the mapping that is named.
    const { dates, zone = null } = JSON.parse(mapping.split(' or ')[0] ?? '') as { dates: string; zone?: string };
    const format = dateFormat(dates);
    if (typeof format === 'string') throw new Error(format);
    expect(cells({ start }, { dates: format, zone }).instant('start')).toMatch(/^20(23-0[59]|26-04)-/);
  });

  it('says no format where none is usual, and no zone where the source has one', () => {
    const reason = (start: string, zone: string | null): string =>
      fault(() => cells({ start }, { zone }).instant('start'))[1];
    expect(reason('yesterday', null)).toBe('is not an instant such as "2026-04-01T00:00:00Z"');
    expect(reason('31/31/2023', null)).toBe('is not an instant such as "2026-04-01T00:00:00Z"');
    expect(reason('21/09/2023', 'Z')).toContain('Set {"dates": "DD/MM/YYYY"} in');
  });
});

describe('a text in a cell', () => {
  it('is read without the spaces around it, which are noted', () => {
    const row = cells({ name: ' a ' });
    expect([row.text('name'), row.noted().map(({ code }) => code)]).toEqual(['a', ['spaces']]);
  });

  it('that means null is empty', () => {
    const row = cells({ name: 'NULL' }, { nulls: new Set(['NULL']) });
    expect([row.optional('name'), row.noted().map(({ code }) => code)]).toEqual([undefined, ['null_text']]);
  });

  it('comes from the first column that has a value, or from the mapping', () => {
    const columns = new Map([['kind', { names: ['a', 'b'], ...EXACTLY }]]);
    expect(cells({ a: '', b: 'x' }, { columns }).text('kind')).toBe('x');
    expect(cells({ a: 'y', b: 'x' }, { columns, values: { kind: 'z' } }).text('kind')).toBe('z');
    const start = new Map([['start', { names: ['period.start'], ...EXACTLY }]]);
    expect(cells({ period: { start: 's' } }, { columns: start }).text('start')).toBe('s');
  });

  it('of an object comes from a key of any spelling, in each row, and first from the one of its own', () => {
    const columns = new Map([
      ['id', { names: ['requestId', 'id'], isExact: false, isExactInside: false }],
      ['start', { names: ['period.startTime'], isExact: false, isExactInside: false }],
      ['exact', { names: ['data.unitCount'], isExact: false, isExactInside: true }],
    ]);
    const read = cells({}, { columns });
    const rows = [
      { REQUEST_ID: 'a', id: 'x', Period: { 'start-time': 's' } },
      { REQUEST_ID: 'b', id: 'x', Period: { START_TIME: 't' } },
      { ID: 'c', Data: { unitCount: '1' } },
      { request_id: 'x', requestId: 'd', data: { unit_count: '1' } },
      { REQUEST_ID: null, id: 'e', 'PERIOD.START_TIME': 'u' },
      { REQUEST_ID: 'f', id: 'x' },
    ].map((fields, index) => {
      const row = read.on({ row: index, line: null, fields });
      return [row.optional('id'), row.optional('start'), row.optional('exact'), row.hasColumn('id')];
    });
    expect(rows).toEqual([
      ['a', 's', undefined, true],
      ['b', 't', undefined, true],
      ['c', undefined, '1', true],
      ['d', undefined, undefined, true],
      ['e', 'u', undefined, true],
      ['f', undefined, undefined, true],
    ]);
    expect(read.on({ row: 9, line: null, fields: { period: {} } }).hasColumn('id')).toBe(false);
  });

  it('is one of some words, in any case', () => {
    expect(cells({ category: 'Tax' }).oneOf('category', ['usage', 'tax'])).toBe('tax');
    expect(fault(() => cells({ category: 'gift' }).oneOf('category', ['usage', 'tax']))[1]).toContain('usage, tax');
  });

  it('of a tag is the id after its prefix', () => {
    const row = cells({}, { tags: { 'tenant:': 'tenantId' } });
    expect(row.tagged('tenantId', ['web', 'tenant:acme'])).toBe('acme');
    expect(row.tagged('deploymentId', ['web', 'tenant:acme'])).toBeUndefined();
  });
});

it('refuses an id that looks like another, and says why', () => {
  const read = (id: string) => fault(() => cells({ id }).id('id'));
  expect(read('ac\u200bme')).toEqual([
    ...[
      'id',
      expect.stringContaining('contains characters that cannot be seen (control, format, filler or unassigned ones).'),
    ],
  ]);
  expect(read('cafe\u0301')).toEqual(['id', expect.stringContaining('is not in the Unicode form NFC. Correct it.')]);
});

describe('JSON in a cell', () => {
  it('is an object, or a list of objects', () => {
    const read = cells({ attributes: '{"region": "fra"}', credits: '[{"amount": -5.10}]' });
    expect(read.optionalObject('attributes')).toEqual({ region: 'fra' });
    expect(read.list('credits')).toEqual([{ amount: '-5.10' }]);
  });

  it('is rejected if it is not JSON', () => {
    const reason = 'must be a JSON object such as {"team": "a"}';
    expect(fault(() => cells({ attributes: '{region}' }).optionalObject('attributes'))).toEqual(['attributes', reason]);
  });

  it('is rejected if it gives a field twice, as one of the two would be lost', () => {
    const read = cells({ attributes: '{"region": "fra", "region": "ams"}', credits: '[{"amount": 1, "amount": 2}]' });
    expect(fault(() => read.optionalObject('attributes'))).toEqual([
      'attributes',
      'gives the field region twice. Give it once.',
    ]);
    expect(fault(() => read.list('credits'))).toEqual(['credits', 'gives the field [0].amount twice. Give it once.']);
  });
});
