import { z } from 'zod';
import { invalid } from '../errors.js';
import { type Decimal, decimal, ZERO } from '../money/decimal.js';
import { moneyText, scaleOf } from '../money/money.js';
import { figure, readNamed } from '../prices/figure.js';
import { needsRates } from '../prices/price.js';
import { isDomainError } from '../schema.js';
import { ratedParts } from './rate-line.js';
import { netOf, type PrintedRow, printRow, type RatedRow, rowsWithMoney } from './row.js';
import { add, subtract } from './subtract.js';
import { guardCommitments, type ItemTerms, zItemTerms } from './terms.js';

/** One line over one period, billed step by step. A negative cumulative counts as 0. */
const zRateRequest = zItemTerms.extend({
  id: z.string(),
  currency: z.string(),
  steps: z.array(z.strictObject({ cumulatives: z.array(figure), final: z.boolean().optional() })),
});
type RateRequest = z.infer<typeof zRateRequest>;

export interface RatedStep {
  readonly rows: readonly ({ readonly part: number } & PrintedRow)[];
  readonly net: string;
}
export type RateAnswer =
  | { readonly id: string; readonly steps: readonly RatedStep[]; readonly net: string }
  | { readonly id: string | null; readonly error: { readonly code: string; readonly message: string } };

/** Step i has i cumulatives until the period is over. From then on the number stays the same. */
function guardCounts(steps: RateRequest['steps']): void {
  let closedAt: number | undefined;
  for (const [index, { cumulatives, final }] of steps.entries()) {
    const expected = closedAt ?? index + 1;
    if (cumulatives.length !== expected) {
      const message = `steps[${index}] has ${cumulatives.length} cumulatives, but ${expected} parts are billed by then`;
      throw invalid('wrong_number_of_cumulatives', message, [
        { field: `steps[${index}].cumulatives`, message: `must have ${expected}` },
      ]);
    }
    if (final === true) closedAt ??= expected;
  }
}

/** Each step computes all parts again as then known, and books the difference to their rows of earlier steps. */
function rateSteps(request: RateRequest, terms: ItemTerms): { steps: RatedStep[]; net: Decimal } {
  const { currency } = request;
  const booked = new Map<number, RatedRow[]>();
  const steps: RatedStep[] = [];
  let net = ZERO;
  let over = false;
  for (const { cumulatives, final } of request.steps) {
    over ||= final === true;
    const pieces = cumulatives.map((cumulative, index) => ({ part: index + 1, cumulative: decimal(cumulative) }));
    const owed = ratedParts({ currency, segments: [{ terms, usedBefore: null, pieces }], final: over }).map(
      ({ part, rows }) => {
        const before = booked.get(part) ?? [];
        // a row without money is not booked either: its quantity waits for a later step with money
        const emitted = rowsWithMoney(subtract(rows, before));
        booked.set(part, add(before, emitted));
        return { part, rows: emitted };
      },
    );
    const stepNet = netOf(owed.flatMap(({ rows }) => rows));
    const rows = owed.flatMap(({ part, rows: emitted }) =>
      emitted.map((row) => ({ part, ...printRow(row, currency) })),
    );
    steps.push({ rows, net: moneyText(stepNet, currency) });
    net = net.plus(stepNet);
  }
  return { steps, net };
}

function rated(input: unknown): RateAnswer {
  const request = readNamed(zRateRequest, input, 'request', 'invalid_request');
  const { id, currency, steps, ...terms } = request;
  scaleOf(currency);
  if (needsRates(terms.price)) {
    throw invalid(
      'rate_card_not_rated_here',
      'price: a rate card needs usage by rate, which a request does not carry; use a unit price',
    );
  }
  guardCommitments(terms, currency);
  guardCounts(steps);
  const result = rateSteps(request, terms);
  return { id, steps: result.steps, net: moneyText(result.net, currency) };
}

/**
 * The id of a refused request. Ids are texts; a numeric id is answered as its digits, so that the caller finds it
 * again.
 */
function idOf(input: unknown): string | null {
  if (typeof input !== 'object' || input === null || !('id' in input)) return null;
  const { id } = input;
  return typeof id === 'string' ? id : typeof id === 'number' ? String(id) : null;
}

/** Rates one request. If it cannot be rated, the answer has the code and message; nothing is thrown. */
export function rateRequest(input: unknown): RateAnswer {
  try {
    return rated(input);
  } catch (error) {
    // any other error is an internal one, and no answer
    if (!isDomainError(error)) throw error;
    return { id: idOf(input), error: { code: error.code, message: error.message } };
  }
}

/** Rates every request of a JSON array, in order. A refused request does not stop the others. */
export function rateRequests(json: unknown): RateAnswer[] {
  if (!Array.isArray(json)) throw invalid('not_an_array', 'the document must be a JSON array of rate requests');
  return json.map(rateRequest);
}
