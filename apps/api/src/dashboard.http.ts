import { Controller, Get } from '@nestjs/common';
import { Ledger } from '#operations/ledger';
import { AnswersQuery, type Asked, Question } from './auth/access.js';
import { V1 } from './http.js';

@Controller(`${V1}/dashboard`)
export class DashboardController {
  constructor(private readonly ledger: Ledger) {}

  @Get('margin')
  @AnswersQuery('margin')
  margin(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('accrual')
  @AnswersQuery('accrual')
  accrual(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }
}
