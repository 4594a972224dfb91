import { checkAll } from '#audit/check/index';
import { defineQuery, STAFF, zAsOf } from '#ledger/query';

const checkQuery = defineQuery({
  name: 'check',
  summary:
    'Whether all invariants hold over everything that is recorded: failures, and notices, each with ids and the remedy',
  params: zAsOf,
  roles: STAFF,
  answer: async (_params, context) => checkAll(context),
});

export const checkQueries = [checkQuery];
