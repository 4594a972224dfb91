import { compareInstants, type Instant, isBefore } from './instant.js';

/** A value that holds from an instant until the next value of its list. */
export interface Dated {
  readonly from: Instant;
}

const inOrder = <Value extends Dated>(values: readonly Value[]): Value[] =>
  [...values].sort((a, b) => compareInstants(a.from, b.from));

/** The value in force at an instant: the last one that begins at or before it. null: none has begun. */
export const valueAt = <Value extends Dated>(values: readonly Value[], at: Instant): Value | null =>
  inOrder(values).findLast(({ from }) => !isBefore(at, from)) ?? null;

/** The values in force from an instant until another one, in order; `until` null: without an end. */
export const valuesOver = <Value extends Dated>(
  values: readonly Value[],
  from: Instant,
  until: Instant | null,
): Value[] => {
  const first = valueAt(values, from);
  const next = values.filter((each) => isBefore(from, each.from) && (until === null || isBefore(each.from, until)));
  return [...(first === null ? [] : [first]), ...inOrder(next)];
};

/**
 * The list with a value that holds over `[value.from, until)`. What held at `until` holds again from there on, or
 * `rest` if nothing did. `until` null: the value holds until the next change of the list.
 */
export function replacedOver<Value extends Dated>(
  values: readonly Value[],
  value: Value,
  until: Instant | null,
  rest: (from: Instant) => Value | null,
): Value[] {
  const outside = values.filter(
    ({ from }) => isBefore(from, value.from) || (until === null ? isBefore(value.from, from) : !isBefore(from, until)),
  );
  if (until === null || outside.some(({ from }) => from === until)) return inOrder([...outside, value]);
  const held = valueAt(values, until);
  const resumed = held === null ? rest(until) : { ...held, from: until };
  return inOrder([...outside, value, ...(resumed === null ? [] : [resumed])]);
}

/** The list without the value that begins at an instant. The value before it then holds on. */
export const withoutValueFrom = <Value extends Dated>(values: readonly Value[], at: Instant): Value[] =>
  values.filter(({ from }) => from !== at);

/** A value, and the end of the period over which it holds; null: until the next value of its list. */
export interface Held<Value> {
  readonly value: Value;
  readonly until: Instant | null;
}

/** Where another value holds after a correction than before it: the value, and over which period. */
export function changedValues<Value extends Dated>(
  before: readonly Value[],
  after: readonly Value[],
  isSame: (a: Value, b: Value) => boolean,
): Held<Value>[] {
  const instants = [...new Set([...before, ...after].map(({ from }) => from))].sort(compareInstants);
  return instants.flatMap((from, index) => {
    const [was, is] = [valueAt(before, from), valueAt(after, from)];
    const isUnchanged = is === null || (was !== null && isSame(was, is));
    return isUnchanged ? [] : [{ value: { ...is, from }, until: instants[index + 1] ?? null }];
  });
}

/** A part of a state, and the first instant that depends on it. */
export interface Fact {
  readonly text: string;
  readonly from: Instant;
}

/** The first instant from which two states differ; null: they do not. */
export function firstDifference(before: readonly Fact[], after: readonly Fact[]): Instant | null {
  const missingFrom = (facts: readonly Fact[], others: readonly Fact[]): Fact[] => {
    const known = new Set(others.map(({ text }) => text));
    return facts.filter(({ text }) => !known.has(text));
  };
  const changed = [...missingFrom(before, after), ...missingFrom(after, before)];
  return inOrder(changed)[0]?.from ?? null;
}
