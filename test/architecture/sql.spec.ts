import { describe, expect, it } from '@jest/globals';
import { sourcesIn } from './sources.js';

/** A statement is a function next to its table (`projections/x/x.read.ts`). Jest runs in the root of the repository. */

/** Below the read models: the log, its tree, and the tools that readers are made of. */
const FOUNDATIONS = /^(projections|libs\/(read-model|event-store|transparency|postgres))\//;

/** Statements on something else than rows of read models. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'apps/cli/src/demo/directory.ts': 'makes and drops the database of the demo',
  'libs/audit/src/check/books.checks.ts': 'invariants over several tables, which nothing else asks',
  'libs/audit/src/check/terms.checks.ts': 'one invariant over several tables',
  'libs/audit/src/reissue/reissue.ts': 'reads a replay, in a schema of its own',
  'libs/audit/src/replay/replay-compare.ts': 'compares whole schemas',
  'libs/audit/src/replay/replay-tenant.ts': 'deletes rows from a schema of its own',
  'libs/audit/src/replay/replay.ts': 'makes and drops schemas',
  'libs/billing/src/preview/trial.ts': 'begins a transaction and rolls it back',
  'libs/exchange/src/deliveries/staged-content.ts': 'keeps the rows of a delivery in a temporary table of its own',
  'libs/exchange/src/deliveries/staging.ts': 'compares a delivery in temporary tables of its own',
  'libs/exchange/src/webhooks/outbox.ts': 'messages to send, in tables of its own',
  'libs/exchange/src/webhooks/secrets.ts': 'the key of secrets, in a private table of its own',
  'libs/ledger/src/ledger-core.ts': 'advisory locks, and the keys of commands',
  'libs/ledger/src/free-locks.ts': 'advisory locks',
  'libs/ledger/src/outcomes.ts': 'outcomes of operations, in a table of its own',
  'libs/ledger/src/private-texts.ts': 'the private table of texts is its own',
  'libs/ledger/src/tenant-details.ts': 'the private table of names is its own',
};

const STATEMENT = /\.selectFrom\(|\.(query|execute)\(\s*['"`]|\.query<|\bsql(<[^`]*>)?`/;

const holding = (pattern: RegExp): string[] =>
  ['apps', 'libs']
    .flatMap(sourcesIn)
    .filter(({ path }) => !path.endsWith('.spec.ts') && !FOUNDATIONS.test(path))
    .filter(({ text }) => pattern.test(text))
    .map(({ path }) => path);

describe('SQL', () => {
  it('is in the folder of the table that it reads', () => {
    const found = holding(STATEMENT);
    expect(found.sort()).toEqual(Object.keys(ELSEWHERE).sort());
  });

  it('expresses "in force at a position" only with at()', () => {
    // A projection looks at the rows before its event in its own way: it is below at().
    const byHand = sourcesIn('libs').filter(({ text }) => /position_to IS NULL OR/i.test(text));
    expect(byHand.map(({ path }) => path)).toEqual([]);
  });
});
