import { Controller, Get } from '@nestjs/common';
import { Ledger } from '#operations/ledger';
import { AnswersQuery, type Asked, Question } from './auth/access.js';
import { V1 } from './http.js';

@Controller(V1)
export class UsageController {
  constructor(private readonly ledger: Ledger) {}

  @Get('usage-records')
  @AnswersQuery('usage-records')
  usageRecords(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('usage')
  @AnswersQuery('usage')
  usage(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('unbilled')
  @AnswersQuery('unbilled')
  unbilled(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('metered-days')
  @AnswersQuery('metered-days')
  meteredDays(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }
}
