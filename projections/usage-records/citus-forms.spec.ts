import { describe, expect, it } from '@jest/globals';
import {
  type CompiledQuery,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely';
import type pg from 'pg';
import { instant } from '#domain/time/instant';
import type { ReadModels } from '#read-model/read-models';
import { sourcesIn } from '../../test/architecture/sources.js';
import { projections } from '../index.js';
import * as lineChanges from '../invoice-lines/line-changes.read.js';
import * as estimatedUsage from './estimated-usage.read.js';
import * as idle from './idle.read.js';
import * as meteredUsage from './metered-usage.read.js';
import * as uncoveredUsage from './uncovered-usage.read.js';
import * as usageHistory from './usage-history.read.js';
import { UsageLookups } from './usage-records.lookups.js';
import * as records from './usage-records.read.js';
import * as usageTotals from './usage-totals.read.js';
import * as usedResources from './used-resources.read.js';
import * as usedTime from './used-time.read.js';

/**
 * The statements that read usage_records stay in forms that Citus takes. It is no part of these specs: what it refuses
 * was found on Citus 13.2 (docs/scaling.md), and `CITUS_URL=… npm run test:unit -- citus` asks a real one.
 */

const APRIL = { start: instant('2026-04-01T00:00:00Z'), end: instant('2026-05-01T00:00:00Z') };
const READINGS = { deploymentId: 'd', billingKind: 'cpu', ...APRIL, filter: null };
const WANTED = { ...READINGS, logged: null, positions: [1], instants: [APRIL.start] };
const VISIBLE = [{ deploymentId: 'd', period: APRIL }];
const NONE = records.NONE;
const LINE = {
  ...{ lineId: '00000000-0000-4000-8000-000000000001', tenantId: 't', currency: 'USD', deploymentId: 'd' },
  ...{ billingKind: 'cpu', subscriptionId: 's', planIds: ['p'], period: APRIL, logged: [] },
};

type Db = Kysely<ReadModels>;
type Reads = Readonly<Record<string, (db: Db) => Promise<unknown>>>;

/** Each reader of the table, once, as it reads where all usage is in the table. */
const READERS: Reads = {
  readUsageRecordPage: async (db) =>
    records.readUsageRecordPage(db, 1, { visible: VISIBLE, ...APRIL }, { after: null, limit: 1 }),
  readUsageByKind: async (db) => records.readUsageByKind(db, 1, { visible: VISIBLE, ...APRIL, logged: NONE }),
  readRecordsBySource: async (db) => records.readRecordsBySource(db, 'd', ['s']),
  readHeldRecords: async (db) => records.readHeldRecords(db, APRIL, null),
  readMeteredRecords: async (db) => records.readMeteredRecords(db, 1, APRIL),
  readVersionsWithin: async (db) =>
    records.readVersionsWithin(db, 1, { deploymentIds: ['d'], billingKinds: ['cpu'], period: APRIL }),
  readUsageTotals: async (db) => usageTotals.readUsageTotals(db, [WANTED]),
  readUsageMeasures: async (db) =>
    usageTotals.readUsageMeasures(db, [
      { ...READINGS, logged: null, position: 1, aggregation: 'latest', uniqueBy: null },
    ]),
  readReadingsSums: async (db) => usageTotals.readReadingsSums(db, [{ ...READINGS, logged: null, position: 1 }]),
  readCardReadings: async (db) => usageTotals.readCardReadings(db, [WANTED]),
  readVersionsOfReading: async (db) =>
    usageHistory.readVersionsOfReading(
      db,
      1,
      { deployment_id: 'd', billing_kind: 'cpu', resource_id: 'r', period_start: APRIL.start },
      [],
    ),
  readUsageChanges: async (db) => usageHistory.readUsageChanges(db, { first: 1, last: 2 }, []),
  readMeteredStarts: async (db) =>
    usageHistory.readMeteredStarts(db, 1, { provider: 'p', resourceIds: null, ...APRIL }),
  readUsageOnSeveralLines: async (db) =>
    usageHistory.readUsageOnSeveralLines(db, 1, [{ ...READINGS, lineId: 'l', itemKey: 'i' }], []),
  readResourcesWithoutUsage: async (db) => usageHistory.readResourcesWithoutUsage(db, 1),
  readLastReading: async (db) => uncoveredUsage.readLastReading(db, 1),
  readUncoveredUsage: async (db) =>
    uncoveredUsage.readUncoveredUsage(
      db,
      1,
      {
        covered: [{ deploymentId: 'd', billingKind: 'cpu', period: APRIL, filter: { a: '1' } }],
        logged: NONE,
        among: null,
      },
      null,
    ),
  readEstimatedUsage: async (db) =>
    estimatedUsage.readEstimatedUsage(db, 1, { billingKinds: ['cpu'], within: [APRIL], instants: [APRIL.start] }, NONE),
  readMeteredUsage: async (db) =>
    meteredUsage.readMeteredUsage(db, 1, { within: APRIL, instants: [APRIL.start] }, NONE),
  readMayBeIdle: async (db) => idle.readMayBeIdle(db, 1, APRIL, NONE),
  readSpans: async (db) => idle.readSpans(db, 1, { resourceIds: ['r'], within: APRIL }, NONE),
  readResourceUsage: async (db) => usedResources.readResourceUsage(db, 1, APRIL),
  readUsedTime: async (db) =>
    usedTime.readUsedTime(db, 1, { resourceIds: ['r'], billingKinds: ['cpu'], within: APRIL }, NONE),
  readLineChanges: async (db) => lineChanges.readLineChanges(db, { first: 1, last: 2 }, [LINE]),
  readChangedLines: async (db) => lineChanges.readChangedLines(db, { first: 1, last: 2 }),
};

/** The statements that readers send, as texts. No server answers. */
async function statementsOf(read: (db: Db) => Promise<unknown>): Promise<string[]> {
  const sent: CompiledQuery[] = [];
  const db = new Kysely<ReadModels>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (of) => new PostgresIntrospector(of),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
    log: ({ query }) => void sent.push(query),
  });
  await read(db);
  return sent.map(({ sql }) => sql);
}

/** The statement by which ingest looks readings up. It is made without kysely. */
async function lookUp(): Promise<string> {
  const texts: string[] = [];
  const pool = {
    async query({ text }: { readonly text: string }) {
      texts.push(text);
      return { rows: [] };
    },
  } as unknown as pg.Pool;
  const day = { start: APRIL.start, end: instant('2026-04-02T00:00:00Z') };
  await new UsageLookups(pool).kept('d', [
    { resourceId: 'r', billingKind: 'cpu', period: day, granularity: 'day', sourceId: '' },
  ]);
  return texts.join();
}

const TABLE = /\busage_records\b/;
const LOCAL = projections.flatMap(({ tables }) => tables.map(({ name }) => name)).filter((name) => !TABLE.test(name));

/** A part of a statement in brackets, or the whole of it. */
interface Part {
  /** What stands before the bracket. */
  readonly before: string;
  readonly text: string;
  /** The text with the numbers of the parts in it, in place of them. */
  readonly own: string;
  readonly parts: readonly Part[];
}

function partOf(statement: string): Part {
  interface Open {
    readonly before: string;
    text: string;
    own: string;
    parts: Part[];
  }
  const stack: Open[] = [{ before: '', text: '', own: '', parts: [] }];
  for (const character of statement) {
    if (character === '(') {
      const before = stack.at(-1)?.own ?? '';
      for (const open of stack) open.text += character;
      stack.push({ before, text: '', own: '', parts: [] });
      continue;
    }
    if (character === ')') {
      const closed = stack.pop();
      const outer = stack.at(-1);
      if (closed === undefined || outer === undefined) throw new Error(`a bracket too many: ${statement}`);
      outer.own += `(${outer.parts.length})`;
      outer.parts.push(closed);
    } else {
      const innermost = stack.at(-1);
      if (innermost !== undefined) innermost.own += character;
    }
    for (const open of stack) open.text += character;
  }
  const [whole] = stack;
  if (whole === undefined || stack.length > 1) throw new Error(`a bracket is not closed: ${statement}`);
  return whole;
}

const LATERAL = /LATERAL\s*$/i;
const CONDITION = /\b(EXISTS|IN|ANY)\s*$/i;
/** A row of the table is on the machine of its deployment: there, groups that begin with the deployment are whole. */
const BY_DEPLOYMENT = /^\s*SELECT DISTINCT ON \(u\.deployment_id\b|GROUP BY u\.deployment_id\b/;

/** What Citus would refuse in a statement: a reason for each, none where it takes the statement. */
function refusedIn(statement: string): string[] {
  if (!TABLE.test(statement)) return [];
  const faults = [
    ...(/\bRECURSIVE\b/i.test(statement) ? ['WITH RECURSIVE'] : []),
    ...(/\bOFFSET\b/i.test(statement) ? ['OFFSET'] : []),
  ];
  const visit = (part: Part): void => {
    if (TABLE.test(part.text)) {
      if (CONDITION.test(part.before)) faults.push('the table in a condition');
      if (LATERAL.test(part.before)) {
        if (/\bUNION\b/i.test(part.text)) faults.push('UNION in a LATERAL');
        if (!BY_DEPLOYMENT.test(part.text)) faults.push('a LATERAL that does not group by the deployment');
      }
    }
    for (const { own, parts } of ofTable(part)) {
      const joined = LOCAL.find((name) => new RegExp(`\\b(JOIN|FROM)\\s+"?${name}\\b`).test(own));
      if (joined !== undefined) faults.push(`a join with ${joined}, which is on the coordinator`);
      const conditions = parts.filter(({ before }) => CONDITION.test(before));
      const asked = LOCAL.find((name) => conditions.some(({ text }) => new RegExp(`\\bFROM\\s+${name}\\b`).test(text)));
      if (asked !== undefined) faults.push(`${asked} in a condition on the table`);
    }
    part.parts.forEach(visit);
  };
  visit(partOf(statement));
  return faults;
}

/** What reads the table by itself: of a UNION, each SELECT. */
const ofTable = ({ own, parts }: Part): Pick<Part, 'own' | 'parts'>[] =>
  own
    .split(/\bUNION\b/i)
    .filter((each) => TABLE.test(each))
    .map((each) => ({
      own: each,
      parts: [...each.matchAll(/\((\d+)\)/g)].flatMap(([, index]) => parts[Number(index)] ?? []),
    }));

/** Of another table. */
const OTHER = 'readPrunedWithin';
const isReader = (name: string): boolean => name.startsWith('read') && name !== OTHER;

describe('the statements that read usage_records', () => {
  it('are all in this spec', () => {
    const modules = [
      records,
      usageTotals,
      usageHistory,
      uncoveredUsage,
      estimatedUsage,
      idle,
      meteredUsage,
      usedResources,
      usedTime,
    ];
    const exported = [...modules, lineChanges].flatMap((each) => Object.keys(each).filter(isReader));
    expect(Object.keys(READERS).sort()).toEqual(exported.sort());
    const reading = sourcesIn('projections')
      .filter(({ path }) => path.endsWith('.read.ts'))
      .filter(({ text }) => /usage_records|(recordsInForce|joinedInForce|addedInForce|recordVersions)\(/.test(text))
      .map(({ path }) => path.replace(/^projections\//, ''));
    expect(reading).toEqual([
      'invoice-lines/line-changes.read.ts',
      'usage-records/estimated-usage.read.ts',
      'usage-records/idle.read.ts',
      'usage-records/metered-usage.read.ts',
      'usage-records/uncovered-usage.read.ts',
      'usage-records/usage-history.read.ts',
      'usage-records/usage-records.read.ts',
      'usage-records/usage-totals.read.ts',
      'usage-records/used-resources.read.ts',
      'usage-records/used-time.read.ts',
    ]);
  });

  it.each(Object.entries(READERS))('%s: Citus takes it', async (_name, read) => {
    const statements = await statementsOf(read);
    expect(statements.some((each) => TABLE.test(each))).toBe(true);
    expect(statements.flatMap(refusedIn)).toEqual([]);
  });

  it('the look-up of ingest: Citus takes it', async () => {
    const statement = await lookUp();
    expect(statement).toMatch(TABLE);
    expect(refusedIn(statement)).toEqual([]);
  });
});

describe('what Citus refuses', () => {
  it.each([
    [
      'OFFSET',
      'SELECT * FROM k CROSS JOIN LATERAL (SELECT DISTINCT ON (u.deployment_id) * FROM usage_records u OFFSET 0) u',
    ],
    ['WITH RECURSIVE', 'WITH RECURSIVE kinds AS (SELECT min(billing_kind) FROM usage_records) SELECT * FROM kinds'],
    [
      'UNION in a LATERAL',
      `SELECT * FROM n CROSS JOIN LATERAL (SELECT u.a FROM usage_records u GROUP BY u.deployment_id
         UNION ALL SELECT a FROM logged) s`,
    ],
    [
      'a LATERAL that does not group by the deployment',
      'SELECT * FROM n CROSS JOIN LATERAL (SELECT sum(u.a) FROM usage_records u WHERE u.b = n.b) s',
    ],
    ['the table in a condition', 'SELECT * FROM r WHERE NOT EXISTS (SELECT FROM usage_records u WHERE u.a = r.a)'],
    [
      'a join with pruned_usage, which is on the coordinator',
      'SELECT * FROM (SELECT * FROM usage_records u JOIN pruned_usage p USING (deployment_id)) s',
    ],
    [
      'pruned_usage in a condition on the table',
      'SELECT * FROM usage_records u WHERE NOT EXISTS (SELECT FROM pruned_usage p WHERE p.a = u.a)',
    ],
  ])('%s', (fault, statement) => {
    expect(refusedIn(statement)).toEqual([fault]);
  });
});
