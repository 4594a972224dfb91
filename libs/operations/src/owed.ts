import { z } from 'zod';
import { moneyText } from '#domain/money/money';
import { type OwedAccount, owedCorrections } from '#billing/preview/owed';
import { decodeCursor, defineQuery, invalidCursor, pageOf, STAFF, zAsOf, zLimit } from '#ledger/query';
import { readMarkedTenants } from '#projections/restatements/restatements.read';
import { listOf, zMoney } from './answers.js';
import type { Operations } from './declared.js';

const TENANTS = 100;

const zOwed = z
  .object({
    tenantId: z.string(),
    currency: z.string(),
    net: zMoney.describe('Before tax, after coupons'),
    tax: zMoney,
    lines: z.int().describe('Number of lines that differ from what is booked'),
    notRated: z.int().describe("Number of corrected lines that can't be rated; check names them"),
    reasons: z.array(z.string()),
  })
  .meta({ id: 'OwedCorrections' });

/** Tenants are rated page by page: a correction of a rate may reach all of them. */
const owed = defineQuery({
  name: 'owed',
  summary:
    'What was corrected and is not booked yet, by tenant and currency: what the next invoice books of it.' +
    ' A page has the tenants among the next `limit` that may owe something',
  path: 'owed',
  params: zAsOf.extend({ limit: zLimit(TENANTS), cursor: z.string().optional() }),
  roles: STAFF,
  answer: listOf(zOwed),
  cost: 6,
  example: {},
  async handle({ limit, cursor }, { core, position }) {
    const [after = null] = cursor === undefined ? [] : decodeCursor(cursor).after;
    if (cursor !== undefined && after === null) throw invalidCursor();
    const tenantIds = await readMarkedTenants(core.db, position, { after, limit: limit + 1 });
    const { items, nextCursor } = pageOf(
      tenantIds,
      limit,
      position,
      (tenantId) => [tenantId],
      (tenantId) => tenantId,
    );
    return { items: (await owedCorrections(core, position, items)).map(shown), nextCursor };
  },
});

const shown = ({ tenantId, currency, net, tax, lines, notRated, reasons }: OwedAccount) => ({
  ...{ tenantId, currency, lines, notRated, reasons },
  ...{ net: moneyText(net, currency), tax: moneyText(tax, currency) },
});

export const owedOperations: Operations = { queries: [owed] };
