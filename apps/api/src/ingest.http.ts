import { Body, Controller, Headers, HttpCode, Inject, Post, Res } from '@nestjs/common';
import { z } from 'zod';
import { invalid } from '#domain/errors';
import { isDomainError, parse, zId } from '#domain/schema';
import { hasMoreValues } from '#domain/storable';
import { plainlySent } from '#domain/usage/plain';
import { incomingReading, zObservation } from '#domain/usage/usage';
import type { Caller } from '#ledger/caller';
import type { Incoming, Ingested } from '#billing/usage/ingest';
import { Ledger } from '#operations/ledger';
import { AllowedTo, AskedBy } from './auth/access.js';
import { CLOCK, type Clock } from './clock.js';
import { EVENT_TYPE, eventOfHeaders, EVENTS_TYPE, isCloudEvent, readingOf } from './cloud-event.js';
import { POSITION, type Reply, type Request, V1 } from './http.js';
import type { zIngested } from './ingest.answer.js';
import { Telemetry } from './telemetry/telemetry.js';

/** A batch has one response. A larger batch would slow down other requests. */
export const MAX_ITEMS = 10_000;

/** Reading more of one item would keep other requests waiting. */
const MOST_VALUES = 100_000;

/** One reading and its deployment. */
export const zSentObservation = incomingReading(z.strictObject({ deploymentId: zId, ...zObservation.shape })).meta({
  id: 'SentObservation',
});
/** Readings of one deployment. Each has its own result. */
const zObservationBatch = z.strictObject({ deploymentId: zId });

type Answer = z.output<typeof zIngested>;
/** A readable item, or the verdict for an invalid one. */
type Read = { readonly incoming: Incoming } | { readonly verdict: Ingested };

@Controller(V1)
export class IngestController {
  constructor(
    private readonly ledger: Ledger,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly telemetry: Telemetry,
  ) {}

  /** Receives observations and CloudEvents, one or many. */
  @Post('usage')
  @HttpCode(200)
  @AllowedTo('platform_admin', 'operator', 'ingest')
  async ingest(
    @Body() body: unknown,
    @Headers() headers: Request['headers'],
    @AskedBy() caller: Caller,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<Answer> {
    const { items, areEvents } = sentItems(headers, body);
    const arrivedAt = this.clock.now();
    const read = items.map((item): Read => {
      try {
        const plain = areEvents || typeof item !== 'object' || item === null ? null : plainlySent(item);
        if (plain !== null) return { incoming: { ...plain, isEvent: false } };
        if (hasMoreValues(item, MOST_VALUES))
          throw invalid('event_too_large', `the item has more than ${MOST_VALUES} values: shorten its attributes`);
        if (areEvents || isCloudEvent(item)) return { incoming: readingOf(item, arrivedAt) };
        const { deploymentId, ...observation } = parse(zSentObservation, item, 'observation');
        return { incoming: { deploymentId, observation, isEvent: false } };
      } catch (error) {
        if (!isDomainError(error)) throw error;
        return { verdict: { status: 'rejected', error } };
      }
    });
    const decided = (
      await this.ledger.ingest(
        read.flatMap((each) => ('incoming' in each ? [each.incoming] : [])),
        caller,
      )
    ).values();
    const verdicts = read.map((each) => ('verdict' in each ? each.verdict : next(decided)));
    const answer = answerOf(items, verdicts);
    if (answer.position !== null) reply.header(POSITION, String(answer.position));
    for (const status of COUNTED) this.telemetry.metrics.ingested.inc({ status }, answer[status]);
    // One CloudEvent is a request of its own, and a sender of events reads the status only.
    const [only] = verdicts;
    if (only !== undefined && 'error' in only && !Array.isArray(body) && (areEvents || isCloudEvent(body)))
      throw only.error;
    return answer;
  }
}

function next(verdicts: Iterator<Ingested, undefined>): Ingested {
  const { value } = verdicts.next();
  if (value === undefined) throw new Error('an item has no verdict');
  return value;
}

interface Sent {
  readonly items: readonly unknown[];
  /** true: the headers say that they are events. false: each item is examined. */
  readonly areEvents: boolean;
}

/** Reads the body as the headers say: an event in binary mode, or events as JSON. Otherwise by its content. */
function sentItems(headers: Request['headers'], body: unknown): Sent {
  const type = headers['content-type']?.toString().split(';')[0]?.trim().toLowerCase();
  if (type === EVENTS_TYPE && !Array.isArray(body))
    throw invalid(
      'invalid_input',
      `for this content type, the body must be an array of CloudEvents. For one event, use ${EVENT_TYPE}.`,
    );
  if (type === EVENT_TYPE && Array.isArray(body))
    throw invalid(
      'invalid_input',
      `for this content type, the body must be one CloudEvent. For an array, use ${EVENTS_TYPE}.`,
    );
  if (type === EVENTS_TYPE || type === EVENT_TYPE)
    return { items: itemsOf(Array.isArray(body) ? body : [body]), areEvents: true };
  const binary = eventOfHeaders(headers, body);
  return binary === null ? { items: itemsOf(body), areEvents: false } : { items: [binary], areEvents: true };
}

/** `[…]`, one item, or `{ deploymentId, observations: […] }`. */
function itemsOf(body: unknown): readonly unknown[] {
  const items: readonly unknown[] = Array.isArray(body) ? body : ofOneDeployment(body);
  if (items.length > MAX_ITEMS)
    throw invalid('too_many_items', `${items.length} items in one request. Send at most ${MAX_ITEMS}.`);
  return items;
}

function ofOneDeployment(body: unknown): readonly unknown[] {
  if (typeof body !== 'object' || body === null)
    throw invalid('invalid_input', 'the body must be an observation, a CloudEvent, or an array of them');
  if (!('observations' in body)) return [body];
  const { observations, ...rest } = body;
  const { deploymentId } = parse(zObservationBatch, rest, 'usage');
  if (!Array.isArray(observations))
    throw invalid('invalid_input', 'usage: observations must be a list', [
      { field: 'observations', message: 'must be a list' },
    ]);
  return observations.map((each: unknown, index) => {
    if (typeof each !== 'object' || each === null) return each;
    const other =
      'deploymentId' in each && each.deploymentId !== deploymentId
        ? 'deploymentId'
        : isCloudEvent(each) && 'subject' in each && each.subject !== deploymentId
          ? 'subject'
          : null;
    if (other === null) return { ...each, deploymentId };
    const field = `observations[${index}].${other}`;
    throw invalid('invalid_input', `usage: ${field} is not ${JSON.stringify(deploymentId)}`, [
      { field, message: 'is of another deployment. Send it by itself.' },
    ]);
  });
}

const COUNTED = ['accepted', 'duplicate', 'conflict', 'rejected'] as const;

function answerOf(items: readonly unknown[], verdicts: readonly Ingested[]): Answer {
  const counted = (status: Ingested['status']): number => verdicts.filter((each) => each.status === status).length;
  const position = verdicts.reduce((last, each) => Math.max(last, each.position ?? 0), 0);
  return {
    items: verdicts.map((verdict, index) => ({
      index,
      ...idOf(items[index]),
      status: verdict.status,
      ...('error' in verdict ? { error: shown(verdict.error) } : {}),
    })),
    accepted: counted('accepted'),
    duplicate: counted('duplicate'),
    conflict: counted('conflict'),
    rejected: counted('rejected'),
    position: position === 0 ? null : position,
  };
}

const idOf = (item: unknown): { id?: string } =>
  typeof item === 'object' && item !== null && 'id' in item && typeof item.id === 'string' ? { id: item.id } : {};

const shown = ({
  code,
  message,
  errors,
}: {
  code: string;
  message: string;
  errors: readonly { field: string; message: string }[];
}): { code: string; message: string; errors?: { field: string; message: string }[] } => ({
  code,
  message,
  ...(errors.length === 0 ? {} : { errors: [...errors] }),
});
