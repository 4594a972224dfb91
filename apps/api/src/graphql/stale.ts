import type { Answered } from '#operations/answering';

/** What the response says of its stale answers: the earliest. */
interface Stale {
  readonly staleSince: string;
  readonly position: number;
}
/** By the context of the request. */
const stale = new WeakMap<object, Stale>();

export function rememberStale(
  context: object,
  { staleSince, position }: Pick<Answered, 'staleSince' | 'position'>,
): void {
  const before = stale.get(context);
  if (staleSince !== null && (before === undefined || position < before.position))
    stale.set(context, { staleSince, position });
}

/** Adds `staleSince` and `position` to the extensions of a response with a stale answer. */
export function tellStale(execution: { extensions?: Record<string, unknown> }, context: object): void {
  const known = stale.get(context);
  if (known !== undefined) execution.extensions = { ...execution.extensions, ...known };
}
