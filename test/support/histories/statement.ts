import fc from 'fast-check';
import type { Instant } from '#domain/time/instant';
import type { Truth } from './truth.js';
import { dayAt, type PlanId, type TenantId, TENANTS } from './world.js';

/** What people and machines state in a history: a fact, a correction or a withdrawal. */
export interface Statement {
  readonly command: object;
  /** Changes what is true. It is called if the ledger carried the command out. */
  readonly becomesTrue: (truth: Truth) => void;
  /** It never was. What is true then is what was stated without it, in the same order. */
  readonly withdrawal?: Statement;
}

/** What a statement can refer to. */
export interface SoFar {
  readonly truth: Truth;
  /** The withdrawals of what was stated, and not withdrawn. */
  readonly withdrawals: readonly Statement[];
}

/** What is stated after what has happened so far. null: there is nothing that it could be about. */
export type Stated = (soFar: SoFar) => Statement | null;
export type Weighted = fc.WeightedArbitrary<Stated>;

/** Statements made of random values. */
export const stated = <Values>(
  weight: number,
  values: fc.Arbitrary<Values>,
  state: (values: Values, soFar: SoFar) => Statement | null,
): Weighted => ({
  weight,
  arbitrary: values.map((of) =>
    Object.assign((soFar: SoFar) => state(of, soFar), { [fc.toStringMethod]: () => JSON.stringify(of) }),
  ),
});

/** One of what is there, by any number. null: nothing is there. */
export const oneOf = <Item>(items: Iterable<Item>, n: number): Item | null => {
  const all = [...items];
  return all[n % all.length] ?? null;
};

export const reason = { reason: 'stated wrongly' };
export const nth = fc.nat(1000);
export const day = fc.integer({ min: 1, max: 58 });
export const at = day.map((n) => dayAt(n));
export const deploymentIds = fc.constantFrom('d1', 'd2');
export const tenantIds = fc.constantFrom<TenantId>(...TENANTS);
export const planIds = fc.constantFrom<PlanId>('p', 'q');

export interface Over {
  readonly from: Instant;
  readonly until: Instant | null;
}
export const over: fc.Arbitrary<Over> = fc
  .tuple(day, fc.option(fc.integer({ min: 1, max: 25 })))
  .map(([from, days]) => ({ from: dayAt(from), until: days === null || from + days > 60 ? null : dayAt(from + days) }));
export const effective = ({ from, until }: Over): object => ({
  effectiveFrom: from,
  ...(until === null ? {} : { effectiveUntil: until }),
});

/** The withdrawal of what a command stated, by its natural key. */
export const withdrawalOf = (what: string, key: object): Pick<Statement, 'withdrawal'> => ({
  withdrawal: { command: { command: 'withdraw', what, ...key, ...reason }, becomesTrue: () => undefined },
});

/** Withdraws something that was stated. */
export const withdrawn: Weighted = stated(5, nth, (n, { withdrawals }) => oneOf(withdrawals, n));
