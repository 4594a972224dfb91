import { Controller, Get } from '@nestjs/common';
import { Ledger } from '#operations/ledger';
import { AnswersQuery, type Asked, Question } from './auth/access.js';
import { V1 } from './http.js';

@Controller(V1)
export class InventoryController {
  constructor(private readonly ledger: Ledger) {}

  @Get('resources')
  @AnswersQuery('resources')
  resources(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('tenants')
  @AnswersQuery('tenants')
  tenants(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('deployments')
  @AnswersQuery('deployments')
  deployments(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }
}
