import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { Ledger } from '#operations/ledger';
import { AnswersQuery, type Asked, Question } from './auth/access.js';
import { V1 } from './http.js';

@Controller(V1)
export class PlansController {
  constructor(private readonly ledger: Ledger) {}

  @Get('plans')
  @AnswersQuery('plans')
  plans(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('subscriptions')
  @AnswersQuery('subscriptions')
  subscriptions(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  /** Posted for its size alone: it writes nothing, so 200. */
  @Post('quotes')
  @HttpCode(200)
  @AnswersQuery('quote')
  quote(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }
}
