import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checkAll } from '#audit/check/index';
import { LedgerCore } from '#ledger/ledger-core';
import { contextFor } from '#ledger/query';
import { onTrial } from '#billing/preview/trial';
import { history } from '../support/history.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

// `check` is only worth what it finds: each fault is put into a copy of the read models (a transaction that is rolled
// back).

let test: TestLedger;
let core: LedgerCore;

beforeAll(async () => {
  test = await testLedger();
  core = test.app.get(LedgerCore);
  await history(test);
});
afterAll(async () => test.close());

const T = (date: string) => `${date}T00:00:00Z`;

/** The codes of what is found, each once, after these statements, or commands. */
async function found(
  statements: readonly string[],
  prepare: (trial: LedgerCore) => Promise<void> = async () => undefined,
) {
  return onTrial(core, ADMIN.now, async ({ core: trial }) => {
    await prepare(trial);
    for (const statement of statements) {
      const { rowCount } = await trial.pool.query(statement);
      if (rowCount === 0) throw new Error(`the fault is none: ${statement} changed nothing`);
    }
    const { ok, failures, notices } = await checkAll(contextFor(trial, await trial.projector.position(), ADMIN));
    expect(ok).toBe(failures.length === 0);
    for (const { message, ids, remedy } of [...failures, ...notices])
      expect([message !== '', remedy !== '', Object.keys(ids).length > 0]).toEqual([true, true, true]);
    return {
      failures: [...new Set(failures.map(({ code }) => code))].sort(),
      notices: [...new Set(notices.map(({ code }) => code))].sort(),
    };
  });
}

const LIVE = 'position_to IS NULL';
const A_PART = `(SELECT line_id FROM invoice_lines
  WHERE parent_line_id IS NOT NULL AND ${LIVE} ORDER BY line_id LIMIT 1)`;
const AN_INVOICE = `(SELECT invoice_id FROM invoices WHERE status = 'issued' AND ordinal = 1 AND ${LIVE})`;
const A_ROW =
  `(SELECT r.row_id FROM invoice_rows r JOIN invoices i ON i.invoice_id = r.invoice_id AND i.ordinal = 1 AND ` +
  `i.${LIVE} ORDER BY (r.row ->> 'net')::numeric DESC LIMIT 1)`;
const set = (field: string, value: string): string =>
  `UPDATE invoice_rows SET row = jsonb_set(row, '{${field}}', '"${value}"') WHERE row_id = ${A_ROW}`;

describe('check', () => {
  it('finds nothing wrong with a history of splits, late usage, corrections, voids and costs', async () => {
    expect(await found([])).toEqual({ failures: [], notices: [] });
  });

  it.each<readonly [string, string, readonly string[]]>([
    [
      'parts_do_not_tile',
      'a part that begins late',
      [
        `UPDATE invoice_lines SET period_start = period_start + interval '1 hour' WHERE line_id = ${A_PART} ` +
          `AND ${LIVE}`,
      ],
    ],
    ['parts_do_not_tile', 'a part that is gone', [`DELETE FROM invoice_lines WHERE line_id = ${A_PART}`]],
    [
      'parts_do_not_tile',
      'a line that says it is whole',
      [`UPDATE invoice_lines SET status = 'valid' WHERE status = 'split' AND ${LIVE}`],
    ],
    [
      'part_claimed_twice',
      'a part on two invoices',
      [
        `INSERT INTO invoice_parts
          SELECT i.invoice_id, i.parts_attempt, p.part_id, p.line_id, p.period_start, p.period_end,
            p.position_from, p.position_to
         FROM invoices i, invoice_parts p
          WHERE i.ordinal = 2 AND i.${LIVE} AND p.invoice_id = ${AN_INVOICE} ON CONFLICT DO NOTHING`,
      ],
    ],
    ['row_does_not_add_up', 'a row whose net is another', [set('net', '7.77')]],
    [
      'invoice_does_not_add_up',
      'an invoice whose total is another',
      [`UPDATE invoices SET total = total + 1 WHERE invoice_id = ${AN_INVOICE} AND ${LIVE}`],
    ],
    ['invoice_does_not_add_up', 'a frozen row that is gone', [`DELETE FROM invoice_rows WHERE row_id = ${A_ROW}`]],
    [
      'numbers_have_gaps',
      'a number that was left out',
      [`UPDATE invoices SET ordinal = ordinal + 1 WHERE ordinal >= 2`],
    ],
    ['numbers_have_gaps', 'a credit note’s number', [`UPDATE credit_notes SET ordinal = 2`]],
    ['credit_notes_exceed_invoice', 'more credited than billed', [`UPDATE credit_notes SET total = 10000`]],
    [
      'revenue_differs',
      'revenue that no invoice bills',
      [
        `UPDATE revenue SET amount = amount + 0.01 WHERE invoice_id = ${AN_INVOICE} AND cause = 'issued' AND ` +
          `billing_kind = 'base_fee'`,
      ],
    ],
    [
      'settlement_differs',
      'another amount due',
      [`UPDATE invoices SET amount_due = amount_due - 1 WHERE invoice_id = ${AN_INVOICE} AND ${LIVE}`],
    ],
    [
      'settlement_differs',
      'credit out of nothing',
      [
        "INSERT INTO tenant_credits VALUES ('t2', 'USD', 5, 1, NULL) ON CONFLICT DO NOTHING",
        "UPDATE tenant_credits SET credit = credit + 5 WHERE tenant_id = 't1'",
      ],
    ],
    [
      'rates_overlap',
      'two prices at once',
      [
        "INSERT INTO rates SELECT resource_type, resource_family, location, effective_from + interval '1 " +
          "day', effective_until, unit_price, unit, currency, basis, is_public, position_from, position_to FROM rates " +
          'WHERE position_to IS NULL LIMIT 1',
      ],
    ],
    [
      'plan_versions_overlap',
      'two versions of a plan at once',
      [
        "INSERT INTO plan_versions SELECT plan_id, effective_from + interval '1 day', effective_until, name, " +
          'currency, base_fee, payment_term, interval, is_public, items, position_from, position_to FROM plan_versions ' +
          'WHERE position_to IS NULL',
      ],
    ],
    [
      'subscriptions_overlap',
      'two subscriptions at once',
      [
        'INSERT INTO subscriptions (subscription_id, deployment_id, started_at, anchor, cancelled_at, position_from,' +
          " position_to) SELECT 's9', deployment_id, started_at, anchor, cancelled_at, " +
          'position_from, position_to FROM subscriptions WHERE position_to IS NULL',
      ],
    ],
    [
      'usage_on_two_lines',
      'usage billed by two subscriptions',
      [
        "INSERT INTO subscriptions SELECT 's9', deployment_id, started_at, anchor, cancelled_at, " +
          'position_from, position_to FROM subscriptions WHERE position_to IS NULL',
        'INSERT INTO subscription_plans (subscription_id, deployment_id, effective_from, plan_id, position_from,' +
          " position_to) SELECT 's9', deployment_id, effective_from, plan_id, position_from, position_to" +
          ' FROM subscription_plans WHERE position_to IS NULL',
      ],
    ],
    [
      'missing_mark',
      'a reading that vanished from under an invoice',
      ["UPDATE usage_records SET quantity = quantity + 700 WHERE billing_kind = 'requests' AND position_to IS NULL"],
    ],
    [
      'invoice_not_reproduced',
      'a rate that was another when the invoice was issued',
      ['UPDATE rates SET unit_price = unit_price + 1'],
    ],
    [
      'cost_differs',
      'a cost that no month has',
      ['UPDATE cost_lines SET charge_period_end = charge_period_start WHERE position_to IS NULL'],
    ],
  ])('finds %s: %s', async (code, _what, statements) => {
    expect((await found(statements)).failures).toContain(code);
  });

  it('finds a missing mark, and reports nothing if it is there', async () => {
    const late = async (trial: LedgerCore): Promise<void> => {
      const observations = [
        {
          resourceId: 'r',
          billingKind: 'requests',
          period: { start: T('2026-04-03'), end: '2026-04-03T18:00:00Z' },
          granularity: 'event',
          quantity: '70',
        },
      ];
      const data = { deploymentId: 'd1', month: '2026-04', origin: 'command', observations };
      await trial.log.append('usage-d1-2026-04', await trial.log.revisionOf('usage-d1-2026-04'), [
        {
          id: '3f0c8a52-5d0e-5b7a-9a44-0e6c1d2b3a49',
          type: 'UsageObserved',
          data: JSON.stringify(data),
          metadata: '{"actor":"test"}',
        },
      ]);
      await trial.projector.catchUp();
    };
    expect((await found([], late)).failures).toEqual([]);
    const head = (await core.projector.position()) + 1;
    expect((await found([`DELETE FROM restatements WHERE marked_at = ${head}`], late)).failures).toEqual([
      'missing_mark',
    ]);
  });

  it('finds usage without a price', async () => {
    expect((await found(['DELETE FROM rates'])).failures).toContain('usage_without_price');
  });

  it('reports unattributed cost and resources without usage only as notices', async () => {
    const { failures, notices } = await found([
      'UPDATE cost_lines SET resource_id = NULL',
      "INSERT INTO resources SELECT provider, 'new', kind, name, region, project, status, size_slug, size_gb, " +
        "tenant_id, 'd1', tags, attrs, first_seen_at, last_seen_at, 0, NULL, position_from, NULL " +
        'FROM resources LIMIT 1',
    ]);
    expect([failures, notices]).toEqual([[], ['cost_without_tenant', 'resource_without_usage']]);
  });

  it('is for roles that see all tenants, with cost only for roles that see the margin', async () => {
    const asked = async (role: 'auditor' | 'tenant') =>
      test.ledger.ask('check', {}, { ...ADMIN, role, tenantId: 't1' });
    expect(await asked('auditor')).toMatchObject({ ok: true, failures: [] });
    await expect(asked('tenant')).rejects.toMatchObject({ code: 'forbidden' });
  });
});
