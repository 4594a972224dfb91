import { z } from 'zod';
import {
  bookEvents,
  booksStream,
  type Closing,
  closePeriod as decideClosing,
  reopenPeriod as decideReopening,
  withBookEvent,
  zMonthName,
} from '#domain/books/period';
import { isEventOf, type RecordedEvent } from '#domain/events';
import { zText } from '#domain/schema';
import { defineCommand } from '#ledger/define-command';
import { ADMIN, defineQuery, STAFF, zAsOf } from '#ledger/query';
import { readClosings } from '#projections/closed-periods/closed-periods.read';
import { zPosition } from './answers.js';
import type { Operations } from './declared.js';

const isBook = isEventOf(bookEvents);

/** The closings that the events of the stream come to. */
const closingsOf = (events: readonly RecordedEvent[]): readonly Closing[] =>
  events
    .filter(isBook)
    .reduce<readonly Closing[]>((closings, event) => withBookEvent(closings, event, event.position), []);

const MONTH = 'A UTC month, such as 2026-03';

const closePeriod = defineCommand({
  name: 'close-period',
  summary: 'Closes a month and all before it: their journal stays as it is, and what comes later is booked in the next',
  fields: z.strictObject({ month: zMonthName.describe(MONTH) }),
  key: 'none',
  roles: ADMIN,
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['reopen-period'] },
  example: { month: '2026-03' },
  async handle(call, core) {
    return core.book.decide(booksStream, call, (events) => ({
      events: decideClosing(closingsOf(events), call.fields.month, call.caller.now),
    }));
  },
});

const reopenPeriod = defineCommand({
  name: 'reopen-period',
  summary: 'Opens a closed month again, and all after it. Their journal then has what is known now',
  fields: z.strictObject({ month: zMonthName.describe(MONTH), reason: zText.min(1) }),
  key: 'none',
  roles: ADMIN,
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['close-period'] },
  example: { month: '2026-03', reason: 'a bill came late' },
  async handle(call, core) {
    return core.book.decide(booksStream, call, (events) => ({
      events: decideReopening(closingsOf(events), call.fields.month, call.fields.reason),
    }));
  },
});

const books = defineQuery({
  name: 'books',
  summary: 'Which months of the journal are closed, and as of which log position',
  path: 'books',
  params: zAsOf,
  roles: STAFF,
  answer: z
    .object({
      closedUntil: z.string().nullable().describe('The last closed month. null: none is closed'),
      closings: z
        .array(z.object({ month: z.string(), position: zPosition }).meta({ id: 'Closing' }))
        .describe('A closing fixes the journal of its month, and of earlier months that were open, at its position'),
    })
    .meta({ id: 'Books' }),
  example: {},
  async handle(_params, { core, position }) {
    const closings = await readClosings(core.db, position);
    return { closedUntil: closings.at(-1)?.month ?? null, closings };
  },
});

export const bookOperations: Operations = {
  commands: [closePeriod, reopenPeriod],
  queries: [books],
};
