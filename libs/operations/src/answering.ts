import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { z } from 'zod';
import { invalid, notFound } from '#domain/errors';
import { parse } from '#domain/schema';
import { hasMoreValues } from '#domain/storable';
import type { Instant } from '#domain/time/instant';
import { assertRole, type Caller } from '#ledger/caller';
import type { DateRead } from '#ledger/command';
import { didYouMean } from '#ledger/nearest';
import { LedgerCore } from '#ledger/ledger-core';
import {
  type AnswerOf,
  contextFor,
  type DefinedQuery,
  pagedOn,
  positionOf,
  positionUpTo,
  withCursor,
} from '#ledger/query';
import { ProjectionHalted, WriterStuck } from '#read-model/halted';
import { withDatesOfQuery } from './dates.js';
import { QUERIES } from './operations.js';

/** Why an answer lacks events that are recorded. */
export interface Staleness {
  /** When the first event that is missing was recorded. */
  readonly since: Instant;
  readonly reason: string;
}

/** An answer and the log position that it is as of. */
export interface Answered<Answer = unknown> {
  readonly position: number;
  /** null: the answer is current, or as of the moment asked for. */
  readonly stale: Staleness | null;
  /** Dates that were given in place of instants. */
  readonly dates: readonly DateRead[];
  readonly answer: Answer;
}

/** Every tenant can ask. A plan of 1,000 items has 10,000 values. */
const MOST_VALUES = 20_000;

/** A query on the query bus. */
export class LedgerQuery<Answer extends z.ZodType = z.ZodType> extends Query<Answered<AnswerOf<Answer>>> {
  constructor(
    readonly query: DefinedQuery<z.ZodObject, Answer>,
    readonly params: Readonly<Record<string, unknown>>,
    readonly caller: Caller,
  ) {
    super();
  }
}

@QueryHandler(LedgerQuery)
export class LedgerQueryHandler implements IQueryHandler<LedgerQuery> {
  constructor(private readonly core: LedgerCore) {}

  async execute({ query, params, caller }: LedgerQuery): Promise<Answered> {
    return answered(this.core, query, params, caller);
  }
}

export async function answered<Answer extends z.ZodType>(
  core: LedgerCore,
  query: DefinedQuery<z.ZodObject, Answer>,
  params: Readonly<Record<string, unknown>>,
  caller: Caller,
): Promise<Answered<AnswerOf<Answer>>> {
  const { name } = query;
  assertRole(caller, query.roles, `read ${name}`);
  if (hasMoreValues(params, MOST_VALUES))
    throw invalid('invalid_parameter', `${name}: the parameters have more than ${MOST_VALUES} values. Ask for less.`);
  const sent = Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
  const given = 'cursor' in query.params.shape ? withCursor(name, sent) : sent;
  const { params: dated, dates } = await withDatesOfQuery(core, query, given, caller);
  const checked = parse(query.closedParams, dated, name, 'invalid_parameter');
  const { position, stale } =
    query.withoutCatchUp === true
      ? { position: await positionUpTo(core, await core.log.head(), checked), stale: null }
      : await positionOf(core, checked);
  const handle = async (reader: LedgerCore): Promise<AnswerOf<Answer>> =>
    query.handle(checked, contextFor(reader, position, caller));
  const answer = await (query.withoutCatchUp === true || query.onPrimary === true
    ? handle(core)
    : core.reading(position, handle));
  return {
    position,
    stale: stale === null ? null : { since: stale.since, reason: reasonOf(stale.cause) },
    dates,
    answer: pagedOn(name, given, answer),
  };
}

/** Names no cause: the cause may contain what the caller may not see. */
const reasonOf = (cause: unknown): string =>
  cause instanceof ProjectionHalted
    ? `The projections halted at position ${cause.position} (${cause.projection}).`
    : cause instanceof WriterStuck
      ? 'The process that projects does not go on.'
      : 'The database is read-only, or its disk is full.';

/** Errors: `unknown_query`. */
export function queryNamed(name: string): DefinedQuery {
  const query = QUERIES.get(name);
  if (query !== undefined) return query;
  throw notFound(
    'unknown_query',
    `unknown query ${JSON.stringify(name)}.${didYouMean(name, QUERIES.keys())} ` +
      `Queries: ${[...QUERIES.keys()].join(', ')}`,
  );
}
