import { canonicalJson } from '#domain/canonical-json';
import { DomainError } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import { type CommandOutcome, keyOfIdempotency } from '#ledger/command';
import { type Mistakes, type ReadCommand, remedyText } from '#ledger/define-command';
import type { Caller } from '#ledger/caller';
import type { LedgerCore } from '#ledger/ledger-core';
import { BacklogFull, ProjectionHalted } from '#read-model/halted';
import type { Ingested } from '#billing/usage/ingest';
import { observeUsage } from './usage.js';

type Refusal = Extract<CommandOutcome, { status: 'refused' }>['error'];

/** The codes of refusals that tell of a fact of the same kind that is recorded. */
const TELLING_OF_RECORDED: ReadonlySet<string> = new Set([
  'conflicting_body',
  'cost_conflict',
  'credit_ended',
  'credit_exists',
  'credit_revoked',
  'deployment_exists',
  'plan_overlap',
  'rate_ended',
  'rate_overlap',
  'subscription_cancelled',
  'subscription_exists',
  'subscription_overlap',
  'tax_exists',
  'tenant_exists',
  'usage_conflict',
  'usage_overlap',
]);

/**
 * All that the role `ingest` learns of recorded facts: that there is one. Its tokens are on devices of tenants, and may
 * not read.
 */
const TOLD_TO_SENDERS: ReadonlyMap<string, string> = new Map([
  ['usage_conflict', 'a reading with the same key and another content is known'],
  ['usage_overlap', 'a reading of the other granularity is known: a day and its hours would count twice'],
  ['conflicting_body', 'the same idempotency key is known with another body'],
  ['ambiguous_provider', 'several providers have this resource: name the provider'],
]);

/** The error without what is recorded, for a caller that may not know it. */
function asTold(caller: Caller, error: DomainError): DomainError {
  const { code, kind, errors } = error;
  const told = caller.role === 'ingest' ? TOLD_TO_SENDERS.get(code) : undefined;
  if (told === undefined) return error;
  const remedy = code === 'ambiguous_provider' ? '' : ' Nothing was changed. An operator can correct what is recorded.';
  const fields = errors.map(({ field }) => ({ field, message: told }));
  return new DomainError(code, `${told}.${remedy}`, kind, fields);
}

/**
 * The refusal of a command. If it tells of a recorded fact, it names the command that corrects the fact. If the body
 * differs, it names the fields and what is recorded. `command`: undefined if it could not be read.
 */
export async function refusalOf(
  core: LedgerCore,
  command: ReadCommand | undefined,
  caller: Caller,
  error: DomainError,
): Promise<Refusal> {
  const told = asTold(caller, error);
  const { code, kind, message, errors } = told;
  const listed = errors.length === 0 ? {} : { errors };
  if (told !== error || command === undefined || !TELLING_OF_RECORDED.has(code))
    return { code, kind, message, ...listed };
  const known = code === 'conflicting_body' ? await recordedWith(core, command) : undefined;
  const { name } = command.call;
  const by = known?.metadata.command?.name ?? name;
  if (by !== name) {
    const said = `${name}: ${by} was recorded with the same idempotency key. Nothing was changed. Give another key.`;
    return { code, kind, message: said, ...listed };
  }
  const { fixed = {}, mistakes } = command.definition;
  const differences = known === undefined ? [] : differencesIn(command, known);
  const said = differences.length === 0 ? message : recordedText(name, differences);
  const fixedText = differences.flatMap(({ field }) =>
    fixed[field] === undefined ? [] : [`${field} ${fixed[field]}.`],
  );
  const isFixed = differences.length > 0 && fixedText.length === differences.length;
  const text = [said, ...fixedText].join(' ');
  return { code, kind, message: isFixed ? text : withRemedyText(text, mistakes), ...listed };
}

/** The refusal of what can't be decided while the projections are halted. undefined: the error is another one. */
export function refusalWhileHalted(error: unknown): Refusal | undefined {
  const text = textWhileHalted(error);
  return text === undefined ? undefined : { code: 'projections_halted', kind: 'unavailable', message: text };
}

/** Names the position and no cause: the cause may contain what the caller may not see. */
export function textWhileHalted(error: unknown): string | undefined {
  const later = 'Send the same request again after that: nothing is recorded twice.';
  if (error instanceof BacklogFull)
    return `${error.message} An operator must correct the cause or skip that event. ${later}`;
  if (!(error instanceof ProjectionHalted)) return undefined;
  return (
    `The projections halted at position ${error.position}, and this request depends on what was recorded from there` +
    ` on. An operator must correct the cause or skip that event. ${later}`
  );
}

/** Ends at a command that can't be decided now, as at an outage: the commands after it may depend on it. */
export async function* untilUnavailable(outcomes: AsyncIterable<CommandOutcome>): AsyncGenerator<CommandOutcome> {
  for await (const outcome of outcomes) {
    if (outcome.status === 'refused' && outcome.error.kind === 'unavailable')
      throw new DomainError(outcome.error.code, outcome.error.message, 'unavailable');
    yield outcome;
  }
}

/** Verdicts on single readings name the correcting command as refusals do. */
export const withRemedies = (verdicts: readonly Ingested[], caller: Caller): Ingested[] =>
  verdicts.map((each) => {
    if (!('error' in each)) return each;
    const told = asTold(caller, each.error);
    return { ...each, error: told === each.error ? withRemedy(told) : told };
  });

function withRemedy(error: DomainError): DomainError {
  if (!TELLING_OF_RECORDED.has(error.code)) return error;
  const message = withRemedyText(error.message, observeUsage.mistakes);
  return message === error.message ? error : new DomainError(error.code, message, error.kind, error.errors);
}

function withRemedyText(said: string, mistakes: Mistakes): string {
  const isNamed = 'correctedBy' in mistakes && mistakes.correctedBy.some((each) => said.includes(each));
  return isNamed ? said : `${said.endsWith('.') ? said : `${said}.`} ${remedyText(mistakes)}`;
}

/** The event that was recorded under the key of the command, or under its idempotency key. */
const recordedWith = async (core: LedgerCore, { call }: ReadCommand): Promise<RecordedEvent | undefined> =>
  (await core.eventUnder(call.key)) ??
  (call.idempotencyKey === null ? undefined : core.eventUnder(keyOfIdempotency(call.idempotencyKey)));

interface Difference {
  readonly field: string;
  /** `ratePercent is "91", not "7"` */
  readonly text: string;
}

const recordedText = (name: string, differences: readonly Difference[]): string =>
  `${name}: the same key was recorded with another body: ${differences.map(({ text }) => text).join(', ')}. ` +
  'Nothing was changed.';

/** Longer values are not printed. */
const LONGEST_VALUE = 80;

/** The given fields that the event has with other values. Details of persons are in no event. */
function differencesIn({ definition, call }: ReadCommand, { data }: RecordedEvent): Difference[] {
  const personal = new Set<string>(definition.personal?.fields ?? []);
  const recorded = valuesOf(data);
  return Object.entries(call.fields).flatMap(([field, given]) => {
    if (given === undefined || personal.has(field) || !recorded.has(field)) return [];
    const [was, is] = [canonicalJson(recorded.get(field)), canonicalJson(given)];
    if (was === is) return [];
    const isLong = was.length > LONGEST_VALUE || is.length > LONGEST_VALUE;
    return [{ field, text: isLong ? `${field} has another value` : `${field} is ${was}, not ${is}` }];
  });
}

/** The fields of an event. Those of the only item of a list, such as a resource, count too. */
function valuesOf(data: object): Map<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [field, value] of Object.entries(data) as [string, unknown][]) {
    const only: unknown = Array.isArray(value) && value.length === 1 ? value[0] : undefined;
    if (typeof only === 'object' && only !== null)
      for (const [inner, each] of Object.entries(only) as [string, unknown][]) values.set(inner, each);
    values.set(field, value);
  }
  return values;
}
