import { Args, Context, Query, Resolver } from '@nestjs/graphql';
import type { Caller } from '#ledger/caller';
import { Ledger } from '#operations/ledger';
import { QUERIES } from '#operations/operations';
import type { DefinedQuery } from '#ledger/query';
import { AnswersQuery, AskedBy } from '../auth/access.js';
import { fieldName } from '../field-name.js';
import { rememberMoment } from './as-of.js';
import { addRelations, type Asking, remembered } from './relations.js';
import { inTurn } from './turns.js';
import { answerType, argumentsType } from './types.js';

/** Has a root field for every query, made from its declaration: its parameters, roles and answer. */
@Resolver()
export class QueryFields {
  constructor(readonly ledger: Ledger) {}
}

function addQuery(query: DefinedQuery): void {
  const { summary, params, answer } = query;
  const field = fieldName(query.name);
  const ask = async function (this: QueryFields, asked: object, caller: Caller, context: Asking): Promise<unknown> {
    // null means that a parameter is not given.
    const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== null));
    const answered = await inTurn(context, async () => this.ledger.answer(query, given, caller, context.signal));
    rememberMoment(context, answered);
    return remembered(answered);
  };
  // The method needs a name: it appears in errors.
  Object.defineProperty(ask, 'name', { value: field });
  const method = { value: ask, writable: true, configurable: true };
  Object.defineProperty(QueryFields.prototype, field, method);
  const given = argumentsType(params);
  // The metadata that the compiler emits for a written method.
  Reflect.defineMetadata('design:paramtypes', [given, Object, Object], QueryFields.prototype, field);
  Args({ type: () => given })(QueryFields.prototype, field, 0);
  AskedBy()(QueryFields.prototype, field, 1);
  Context()(QueryFields.prototype, field, 2);
  Query(answerType(answer), { name: field, description: summary, nullable: true })(
    QueryFields.prototype,
    field,
    method,
  );
  AnswersQuery(query)(QueryFields.prototype, field, method);
}

for (const query of QUERIES.values()) addQuery(query);
addRelations();
