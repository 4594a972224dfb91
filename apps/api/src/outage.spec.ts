import { describe, expect, it } from '@jest/globals';
import { UnknownOutcome } from '#event-store/port';
import { WriterStuck } from '#read-model/halted';
import { BrokenLog, OtherTree } from '#transparency/kept-tree';
import { outageOf } from './outage.js';

describe('a request while the Merkle tree is not of the log', () => {
  it.each([new OtherTree(3), new BrokenLog(3)])('is answered with log_replaced: %s', (error) => {
    expect(outageOf(error)).toMatchObject({
      kind: 'unavailable',
      code: 'log_replaced',
      message:
        'The log is not the one that the Merkle tree was made from, or lacks events. An operator must restore it.',
    });
  });
});

describe('a request while another process projects, and does not go on', () => {
  it('is answered with position_not_reached', () => {
    expect(outageOf(new WriterStuck(3, 5))).toMatchObject({
      kind: 'unavailable',
      code: 'position_not_reached',
      message:
        'The read models are at position 3, not yet at 5. Retry. If it stays so, an operator must check whether the' +
        ' worker is stuck.',
    });
  });
});

describe('a failure of Postgres that passes', () => {
  const failed = (code: string) => Object.assign(new Error('of Postgres'), { code });
  it.each([
    ['53200', 'database_out_of_memory'],
    ['53300', 'database_out_of_connections'],
    ['53100', 'database_not_writable'],
    ['57P03', 'database_unavailable'],
  ])('with SQLSTATE %s is %s', (sqlState, code) => {
    expect(outageOf(failed(sqlState))).toMatchObject({ kind: 'unavailable', code });
  });

  it('is out of connections where every attempt was, or what it was the cause of', () => {
    const refused = failed('53300');
    for (const error of [new AggregateError([refused]), new Error('the log', { cause: refused })])
      expect(outageOf(error)).toMatchObject({ code: 'database_out_of_connections' });
  });

  // A command may have appended before.
  it('out of connections, says only that nothing is recorded twice', () => {
    for (const error of [failed('53300'), new UnknownOutcome('the log', { cause: failed('53300') })])
      expect(outageOf(error)).toMatchObject({
        code: 'database_out_of_connections',
        message:
          'The database has no free connection. Send the same request again: nothing is recorded twice. An operator' +
          ' must end other sessions, or raise max_connections.',
      });
  });
});
