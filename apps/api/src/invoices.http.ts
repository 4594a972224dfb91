import { Controller, Get, Header } from '@nestjs/common';
import { Ledger } from '#operations/ledger';
import { AnswersQuery, type Asked, Question } from './auth/access.js';
import { V1 } from './http.js';

const HTML = 'text/html; charset=utf-8';

@Controller(V1)
export class InvoicesController {
  constructor(private readonly ledger: Ledger) {}

  @Get('invoices')
  @AnswersQuery('invoices')
  invoices(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('invoices/preview')
  @AnswersQuery('invoice-preview')
  preview(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('invoices/:id')
  @AnswersQuery('invoice')
  invoice(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('invoices/:id/document')
  @Header('content-type', HTML)
  @AnswersQuery('invoice-document')
  invoiceDocument(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('lines')
  @AnswersQuery('lines')
  lines(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('lines/:id')
  @AnswersQuery('line')
  line(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('credits')
  @AnswersQuery('credits')
  credits(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('credit-notes')
  @AnswersQuery('credit-notes')
  creditNotes(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('credit-notes/:id')
  @AnswersQuery('credit-note')
  creditNote(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }

  @Get('credit-notes/:id/document')
  @Header('content-type', HTML)
  @AnswersQuery('credit-note-document')
  creditNoteDocument(@Question() asked: Asked): Promise<unknown> {
    return this.ledger.ask(...asked);
  }
}
