import { describe, expect, it } from '@jest/globals';
import pino from 'pino';
import { startApi } from '#api/start';
import { plusHours, instant } from '#domain/time/instant';
import { mintToken } from '#runtime/token';
import { LISTENING } from '../support/api.js';
import { tenant } from '../support/commands.js';
import { ADMIN, ledgerOn } from '../support/ledger.js';
import { on } from '../support/log.js';
import { testDatabase } from '../support/postgres.js';
import { expectReplayToBeLive } from '../support/replay.js';
import { startWorker } from '../../apps/worker/src/worker.js';

const SECRET = 'a secret of the specs, longer than 32 characters';
const START = instant('2026-04-01T00:00:00Z');
const logger = pino({ level: 'error' }, pino.destination(2));

/** The n-th hour's reading: 1 each, so that n of them come to n. */
const reading = (n: number) => {
  const start = plusHours(START, n);
  return {
    resourceId: 'r',
    billingKind: 'cpu',
    period: { start, end: plusHours(start, 1) },
    granularity: 'hour',
    quantity: '1',
  };
};

describe('read models that are exchanged under load', () => {
  it('answer each request without an error, with everything recorded before it', async () => {
    const database = await testDatabase();
    const url = database.url;
    const api = await startApi({ ...on(url), jwtSecret: SECRET, ...LISTENING, logger });
    const worker = await startWorker({ ...on(url), logger, now: () => START });
    const operator = await ledgerOn(url);
    const token = await mintToken(
      SECRET,
      { sub: 'spec', role: 'platform_admin', ttl: '1h' },
      instant(new Date().toISOString()),
    );
    const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
      const headers = {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      };
      const response = await fetch(`${api.url}/api/v1${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const answer: unknown = await response.json();
      if (response.status !== 200) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
      return answer;
    };
    let recorded = 0;
    let asked = 0;
    let isOver = false;
    const untilOver = async (work: () => Promise<void>): Promise<void> => {
      while (!isOver) await work();
    };
    try {
      await operator.apply(tenant('t'), {
        command: 'register-deployment',
        deploymentId: 'd',
        tenantId: 't',
        name: 'D',
        from: START,
      });
      const write = async (): Promise<void> => {
        await ask('POST', '/commands', {
          command: 'observe-usage',
          deploymentId: 'd',
          observations: [reading(recorded)],
        });
        recorded += 1;
      };
      const read = async (): Promise<void> => {
        const before = recorded;
        const { cpu } = (await ask('GET', '/usage?deploymentId=d')) as { cpu: string };
        asked += 1;
        // One more may have been recorded and not answered yet.
        expect(Number(cpu)).toBeGreaterThanOrEqual(before);
        expect(Number(cpu)).toBeLessThanOrEqual(recorded + 1);
      };
      await write();
      const exchanges = async (): Promise<void> => {
        try {
          for (let round = 1; round <= 3; round += 1) {
            for (const act of [
              () => operator.ledger.rebuilder.rebuild(),
              () => operator.ledger.rebuilder.rollback(),
              () => operator.ledger.rebuilder.rebuild({ only: ['usage-records'] }),
            ]) {
              const [from, writtenFrom] = [asked, recorded];
              const done = await act();
              if ('outcome' in done) expect(done).toMatchObject({ outcome: 'swapped', money: [] });
              // Someone has read and written in between, before the next.
              while (asked < from + 3 || recorded < writtenFrom + 3)
                await operator.ledger.ask('projections', {}, ADMIN);
            }
          }
        } finally {
          isOver = true;
        }
      };
      await Promise.all([exchanges(), untilOver(write), untilOver(read), untilOver(read)]);
      expect(await operator.ask('usage', { deploymentId: 'd' })).toEqual({ cpu: String(recorded) });
      await expectReplayToBeLive(url);
    } finally {
      isOver = true;
      await operator.close();
      await worker.stop();
      await api.close();
      await database.drop();
    }
  });
});
