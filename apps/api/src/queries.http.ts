import { Controller, Get, Header, HttpCode, Post, Res } from '@nestjs/common';
import type { DefinedQuery } from '#ledger/query';
import { Ledger } from '#operations/ledger';
import { QUERIES } from '#operations/operations';
import { AnswersQuery, type Asked, Question } from './auth/access.js';
import { fieldName } from './field-name.js';
import { QueryLimits } from './query-limits.js';
import { POSITION, type Reply, STALE, STALE_SINCE, V1 } from './http.js';

/** Has a route for every query, made from its declaration. */
@Controller(V1)
export class QueriesController {
  constructor(
    readonly ledger: Ledger,
    readonly limits: QueryLimits,
  ) {}
}

function addRoute(query: DefinedQuery): void {
  const method = {
    async value(this: QueriesController, asked: Asked, reply: Reply): Promise<unknown> {
      const { answer, position, stale } = await this.ledger.answer(query, ...asked, this.limits.of(reply));
      reply.header(POSITION, String(position));
      if (stale !== null) reply.header(STALE, stale.reason).header(STALE_SINCE, stale.since);
      return answer;
    },
    writable: true,
    configurable: true,
  };
  const name = fieldName(query.name);
  const prototype = QueriesController.prototype;
  Object.defineProperty(prototype, name, method);
  Question()(prototype, name, 0);
  Res({ passthrough: true })(prototype, name, 1);
  for (const decorate of decoratorsOf(query)) decorate(prototype, name, method);
}

function decoratorsOf(query: DefinedQuery): MethodDecorator[] {
  const { path, method, media } = query;
  return [
    AnswersQuery(query),
    // A posted query creates nothing: 200, not 201.
    ...(method === 'POST' ? [Post(path), HttpCode(200)] : [Get(path)]),
    ...(media === undefined ? [] : [Header('content-type', `${media}; charset=utf-8`)]),
  ];
}

for (const query of QUERIES.values()) addRoute(query);
