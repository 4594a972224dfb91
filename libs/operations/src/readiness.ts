import { DomainError } from '#domain/errors';
import type { Instant } from '#domain/time/instant';
import type { Ledger } from './ledger.js';
import { projections } from './projections.js';

/** A probe must not hang: after this time, the database or the log counts as unavailable. */
const PATIENCE_MS = 2000;

/** `code` and `reason` are absent if the process is ready. `position` and `head`: null if not known. */
export interface Readiness {
  readonly status: 'ready' | 'degraded' | 'not_ready';
  readonly code?: string;
  readonly reason?: string;
  /** Why a process that can read is not ready for writes. */
  readonly state?: 'halted' | 'stuck' | 'read_only' | 'not_writable';
  readonly staleSince?: string | null;
  readonly position: number | null;
  readonly head: number | null;
  readonly lag?: number;
  readonly lagSeconds?: number;
}

/** Probes come without a token: for so long, however many ask get the same answer. */
const KEPT_MS = 1000;

/**
 * The readiness for all who ask: one reading serves those who ask until a second after its end, also where it failed.
 * Errors: those of `readinessOf`.
 */
export function sharedReadiness(ledger: Ledger): (now: Instant) => Promise<Readiness> {
  let kept: Promise<Readiness> | undefined;
  let until = 0;
  return async (now) => {
    if (kept !== undefined && performance.now() < until) return kept;
    kept = readinessOf(ledger, now);
    until = Infinity;
    try {
      return await kept;
    } finally {
      until = performance.now() + KEPT_MS;
    }
  };
}

/**
 * Whether the database responds and can write, the read models are of this version, and the projections are
 * neither halted nor stuck. Errors: those of an outage; `not_ready`, if there is no answer in time.
 */
async function readinessOf(ledger: Ledger, now: Instant): Promise<Readiness> {
  const caller = { actor: 'health', role: 'platform_admin' as const, now };
  // If both are late, the database is to blame: the log may be in it.
  const [isReadOnly, { items, state, halted, stuck, staleSince }] = await Promise.all([
    withinPatience('database', ledger.isReadOnly()),
    withinPatience('log', ledger.ask(projections, {}, caller)),
    withinPatience('log', ledger.probeLog()),
  ]);
  const [first] = items;
  if (first === undefined) throw new Error('there is no projection');
  const { position, head, lag, lagSeconds } = first;
  const figures = { position, head, lag, lagSeconds };
  const code = 'not_ready';
  if (state === 'rebuilding' || state === 'other_log')
    return { status: 'not_ready', code, reason: REASONS[state], ...figures };
  if (halted !== null)
    return {
      status: 'degraded',
      code,
      state: 'halted',
      staleSince,
      reason:
        `The projections halted at position ${halted.position} (${halted.projection}). Reads are stale, and` +
        ' writes that depend on later events are refused. An operator must correct the cause or skip that event.',
      ...figures,
    };
  if (isReadOnly) return { status: 'degraded', code, state: 'read_only', reason: REASONS.read_only, ...figures };
  const { mirrorNotWritable } = ledger;
  if (mirrorNotWritable !== null)
    return {
      status: 'degraded',
      code,
      state: 'not_writable',
      staleSince: mirrorNotWritable.since,
      reason: REASONS.not_writable,
      ...figures,
    };
  if (stuck !== null)
    return {
      status: 'degraded',
      code,
      state: 'stuck',
      staleSince,
      reason:
        `The session ${stuck.session} of Postgres${stuck.application === null ? '' : ` (${stuck.application})`} holds` +
        ` the projections, and has projected nothing since ${stuck.since}. Reads are stale, and writes that depend on` +
        ' later events are refused. An operator must restart that process, or end its session:' +
        ` SELECT pg_terminate_backend(${stuck.session}).`,
      ...figures,
    };
  return { status: 'ready', ...figures };
}

const REASONS = {
  rebuilding: 'The read models of this version are being built. The API is ready once they are complete.',
  other_log: 'The log was set back or replaced behind the read models. An operator must restore it, or rebuild them.',
  not_writable:
    'The database can not be written, as where its disk is full: the events of EventStoreDB are not copied into it.' +
    ' Reads go on without them, and writes are refused.',
  read_only: 'The database is read-only. Reads go on, and writes are refused.',
};

/** Errors: those of an outage, each with its own reason; `not_ready`, if there is no answer in time. */
async function withinPatience<Answer>(of: 'database' | 'log', asked: Promise<Answer>): Promise<Answer> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new DomainError('not_ready', `The ${of} does not respond.`, 'unavailable'));
  }, PATIENCE_MS);
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
