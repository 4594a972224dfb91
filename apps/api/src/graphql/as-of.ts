import type { Answered, Staleness } from '#operations/answering';
import { POSITION, type Reply } from '../http.js';

type Moment = Pick<Answered, 'position' | 'stale'>;
/** The earliest moment that a response answers as of, by the context of its request. */
const moments = new WeakMap<object, Moment>();

export function rememberMoment(context: object, { position, stale }: Moment): void {
  const before = moments.get(context);
  if (before === undefined || position < before.position)
    moments.set(context, { position, stale: stale ?? before?.stale ?? null });
}

/**
 * Adds the position as a header. If an answer lacks events, the extensions of the response say since when and why, and
 * the position.
 */
export function tellMoment(
  execution: { extensions?: Record<string, unknown> },
  context: { readonly reply?: Reply },
): void {
  const moment = moments.get(context);
  if (moment === undefined) return;
  const { position, stale } = moment;
  context.reply?.header(POSITION, String(position));
  if (stale !== null) execution.extensions = { ...execution.extensions, ...toldOf(stale), position };
}

const toldOf = ({ since, reason }: Staleness) => ({ staleSince: since, stale: reason });
