import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BACKFILL_KINDS, type BackfillKind, type Mapping, readMapping } from '#exchange/rows/mapping';
import { decimal, sum, text } from '#domain/money/decimal';
import { backfilled, countsOf, dryRunOf } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { testLedger, type TestLedger } from '../support/ledger.js';
import { checkedOn } from '../support/properties.js';

/** The table of samples in docs/backfill.md, which readers follow, is what is tested here. */
interface Sample {
  readonly kind: BackfillKind;
  readonly file: string;
  readonly map: string | null;
  readonly lines: number;
  readonly sums: string;
}

const ROW = /^\| `(costs|usage|resources|rates) (docs\/samples\/[^ `]+)(?: --map ([^ `]+))?` \| (\d+) \| ([^|]+) \|$/;
async function samplesOf(page: string): Promise<Sample[]> {
  return (await readFile(page, 'utf8')).split('\n').flatMap((line): Sample[] => {
    const [, kind, file = '', map, lines, sums = ''] = ROW.exec(line) ?? [];
    const known = BACKFILL_KINDS.find((each) => each === kind);
    return known === undefined ? [] : [{ kind: known, file, map: map ?? null, lines: Number(lines), sums }];
  });
}

/** What an import, or `--detect`, writes beside a file: whoever tried the samples has some. */
const WRITTEN_BESIDE = /\.(rejects|notes)\.jsonl$|\.(csv|json|jsonl)\.map\.json$/;

/** More than any sample has. */
const MOST_ROWS = 20;

const samples = await samplesOf('docs/backfill.md');
const mappingOf = async ({ map }: Sample): Promise<Mapping> =>
  map === null ? {} : readMapping(JSON.parse(await readFile(map, 'utf8')), map);

describe('a sample', () => {
  let test: TestLedger;
  let files: Awaited<ReturnType<typeof folder>>;
  beforeAll(async () => {
    [test, files] = await Promise.all([testLedger(), folder()]);
    const setup = await readFile('docs/samples/setup.jsonl', 'utf8');
    await test.apply(
      ...setup
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    );
  });
  afterAll(async () => {
    await Promise.all([test.close(), files.remove()]);
  });

  it('is in the table if it is in the folder', async () => {
    const listed = samples.flatMap(({ file, map }) => (map === null ? [file] : [file, map]));
    const there = (await readdir('docs/samples'))
      .filter((name) => !WRITTEN_BESIDE.test(name))
      .map((name) => `docs/samples/${name}`);
    expect(listed.sort()).toEqual(there.filter((file) => file !== 'docs/samples/setup.jsonl').sort());
    expect(samples.map(({ file }) => file.replace('docs/samples/', ''))).toEqual([
      'aws-cur.csv',
      'aws-cur2.csv',
      'azure-actual.csv',
      'azure-amortized.csv',
      'gcp-billing.jsonl',
      'oci-cost.csv',
      'opencost.json',
      'digitalocean-invoice.csv',
      'digitalocean-invoice-items.json',
      'focus-1.2.csv',
      'costs.csv',
      'cloudevents.jsonl',
      'stripe-meter-events.jsonl',
      'prometheus.json',
      'token-trace.csv',
      'meters.jsonl',
      'resources.csv',
      'digitalocean-api.json',
      'rates.csv',
      'ubicloud-rates.csv',
    ]);
  });

  /** A copy: an import writes what it rejects and notes beside its file. */
  const copied = async ({ file }: Sample): Promise<string> =>
    files.write(file.replace('docs/samples/', ''), await readFile(file, 'utf8'));

  /** What a dry run shows: of costs the sums by currency, of usage by kind; of resources and rates their number. */
  const sumsShown = async (sample: Sample, file: string): Promise<string> => {
    const { survey } = await dryRunOf(test, sample.kind, file, await mappingOf(sample));
    const sums = survey.kinds.map(({ kind, currency, sum: of, rows }) => ({
      unit: currency ?? kind,
      of: decimal(of ?? `${rows}`),
    }));
    return [...Map.groupBy(sums, ({ unit }) => unit)]
      .map(([unit, each]) => `${text(sum(each.map(({ of }) => of)))} ${unit}`)
      .join(', ');
  };

  it.each(samples)('$file comes to $sums, once', async (sample) => {
    expect(await sumsShown(sample, await copied(sample))).toBe(sample.sums);
    const mapping = await mappingOf(sample);
    const [file, { lines }] = [await copied(sample), sample];
    const first = await backfilled(test, sample.kind, file, mapping);
    expect([countsOf(first), first.odd]).toEqual([[lines, lines, 0, 0, 0], []]);
    expect(countsOf(await backfilled(test, sample.kind, file, mapping))).toEqual([lines, 0, lines, 0, 0]);
  });

  // Athena writes all names in lower case, Snowflake in upper case.
  it.each(samples.filter(({ file }) => file.endsWith('.csv')))('$file has columns of any case', async (sample) => {
    const [header = '', ...rows] = (await readFile(sample.file, 'utf8')).split('\n');
    for (const [name, columns] of Object.entries({ lower: header.toLowerCase(), upper: header.toUpperCase() })) {
      const file = await files.write(`${name}.csv`, [columns, ...rows].join('\n'));
      expect([name, await sumsShown(sample, file)]).toEqual([name, sample.sums]);
    }
  });

  const costs = samples.filter(({ kind, file }) => kind === 'costs' && !file.endsWith('.json'));
  const rowsOf = async ({ file }: Sample): Promise<{ header: string[]; rows: string[] }> => {
    const rows = (await readFile(file, 'utf8')).trim().split('\n');
    return { header: file.endsWith('.csv') ? rows.splice(0, 1) : [], rows };
  };
  /** Numbers that put the rows in an order, and the part that each belongs to. */
  const SPLIT = fc.record({
    order: fc.uniqueArray(fc.nat(), { minLength: MOST_ROWS, maxLength: MOST_ROWS }),
    parts: fc.array(fc.nat(2), { minLength: MOST_ROWS, maxLength: MOST_ROWS }),
  });
  /** The sample in up to three files of a delivery. AWS gives its lines other ids in each delivery. */
  const partsOf = async (
    sample: Sample,
    { order, parts }: { readonly order: readonly number[]; readonly parts: readonly number[] },
    delivery: string,
  ): Promise<string[]> => {
    const { header, rows } = await rowsOf(sample);
    const shuffled = rows
      .map((row, index) => ({ row: row.replace(/^li(\d+),/, `x${delivery}-$1,`), part: parts[index] ?? 0, index }))
      .sort((a, b) => (order[a.index] ?? 0) - (order[b.index] ?? 0));
    const contents = [...Map.groupBy(shuffled, ({ part }) => part).values()].map((part) =>
      [...header, ...part.map(({ row }) => row)].join('\n'),
    );
    // A part of the same content as another one is taken for the same file.
    fc.pre(new Set(contents).size === contents.length);
    return Promise.all(
      contents.map(async (content, part) =>
        files.write(sample.file.replace('docs/samples/', `${delivery}-${part}-`), `${content}\n`),
      ),
    );
  };

  it.each(costs)('$file comes to the same lines part by part, in any order', async (sample) => {
    const recorded = async (): Promise<unknown[]> => {
      const { rows } = await test.core.pool.query<Record<string, string | null>>(
        'SELECT provider, resource_id, kind, charge_period_start, category, class, amount, effective_amount ' +
          'FROM cost_lines WHERE position_to IS NULL ORDER BY 1, 2, 3, 4, 5, 6, 7, 8',
      );
      return rows;
    };
    const mapping = await mappingOf(sample);
    const before = await recorded();
    let delivery = 0;
    await fc.assert(
      fc.asyncProperty(SPLIT, async (split) => {
        delivery += 1;
        const name = `part by part ${delivery}`;
        for (const path of await partsOf(sample, split, `p${delivery}`))
          await backfilled(test, 'costs', path, mapping, { delivery: { name, isPartial: false } });
        expect(await recorded()).toEqual(before);
      }),
      checkedOn(4),
    );
  });

  it.each(costs)(
    '$file changes nothing if it is delivered again, in other parts and with other ids',
    async (sample) => {
      const recorded = async (): Promise<unknown[]> => {
        const { rows } = await test.core.pool.query<Record<string, string | null>>(
          'SELECT line_key, category, class, amount FROM cost_lines WHERE position_to IS NULL ORDER BY 1, 2, 3, 4',
        );
        return rows;
      };
      const before = await recorded();
      let delivery = 0;
      await fc.assert(
        fc.asyncProperty(SPLIT, async (split) => {
          delivery += 1;
          const paths = await partsOf(sample, split, `${delivery}`);
          const next = { delivery: { name: `delivery ${delivery}`, isPartial: false } };
          const summary = await backfilled(test, 'costs', paths, await mappingOf(sample), next);
          expect([countsOf(summary), summary.removed]).toEqual([[sample.lines, 0, sample.lines, 0, 0], 0]);
          expect(await recorded()).toEqual(before);
        }),
        checkedOn(4),
      );
    },
  );
});
