import { Controller, Get } from '@nestjs/common';
import { Ledger } from '#operations/ledger';
import { AnswersQuery, type Asked, Question } from './auth/access.js';
import { V1 } from './http.js';

@Controller(V1)
export class RatesController {
  constructor(private readonly ledger: Ledger) {}

  @Get('rates')
  @AnswersQuery('rates')
  rates(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }
}
