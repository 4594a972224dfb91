import { Controller, Get } from '@nestjs/common';
import { Ledger } from '#operations/ledger';
import { AnswersQuery, type Asked, Question } from './auth/access.js';
import { V1 } from './http.js';

@Controller(V1)
export class AuditController {
  constructor(private readonly ledger: Ledger) {}

  @Get('audit/explain/:id')
  @AnswersQuery('explain')
  explain(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('audit/events')
  @AnswersQuery('events')
  events(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('audit/diff')
  @AnswersQuery('diff')
  diff(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('audit/check')
  @AnswersQuery('check')
  check(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('projections')
  @AnswersQuery('projections')
  projections(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }
}
