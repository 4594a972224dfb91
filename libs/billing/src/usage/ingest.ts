import pMap from 'p-map';
import { canonicalJson } from '#domain/canonical-json';
import type { LedgerEvent, RecordedEvent } from '#domain/events';
import { conflict, type DomainError, invalid, notFound } from '#domain/errors';
import { isDomainError } from '#domain/schema';
import { type Assignment, tenantAt } from '#domain/tenants/deployment';
import { canonicalReadings, packedReadings } from '#domain/usage/plain';
import { farFrom } from '#domain/usage/usage-span';
import { type Observation, type ReadingKey, usageMonth, usageStream } from '#domain/usage/usage';
import { assertRole, type Caller, confinedTo, type Role } from '#ledger/caller';
import { type CommandCall, sha256 } from '#ledger/command';
import { valueOf } from '#ledger/appending/in-order';
import { foundDeployment } from '#ledger/deployment';
import { copyOtherMonth } from './around-midnight.js';
import { type KeptStreams, KnownStreams } from './known-streams.js';
import { bodyOf, bodyOfRow, keyOfRow, type KnownReading, knownBySource } from './known-usage.js';
import type { LedgerCore } from '#ledger/ledger-core';
import { tooLarge } from './reading-size.js';
import { conflictWithRecord } from './usage-conflicts.js';
import { decideEach, namings, touching, touchingKeys, type Verdict } from './usage-writer.js';

/** A reading on its way in. `isEvent`: its sourceId identifies it, also when it is sent again with another time. */
export interface Incoming {
  readonly deploymentId: string;
  readonly observation: Observation;
  readonly isEvent: boolean;
}

/** The verdict on a reading; `position`: of the event that recorded it. */
export type Ingested = Verdict & { readonly position?: number };

interface Job {
  readonly call: CommandCall;
  readonly observations: readonly Observation[];
  /** Those of them that are known by the id of their source. */
  readonly events: ReadonlySet<Observation>;
  readonly done: PromiseWithResolvers<readonly Ingested[]>;
}

/** So many deployments of a batch are worked on at the same time: other requests have their turn between them. */
const MOST_DEPLOYMENTS = 128;

/** One append holds this many small readings. */
const MOST_READINGS = 5000;
/** As long as every month in the name of a stream. */
const ANY_MONTH = '0000-00';
const INGESTERS: readonly Role[] = ['platform_admin', 'operator', 'ingest'];

/** Who looks up events by the ids of their source and records them holds this lock. */
export const lockOfEvents = (deploymentId: string): string => `usage events of ${deploymentId}`;

const rejected = (error: unknown): Ingested => {
  if (!isDomainError(error)) throw error;
  return { status: error.code === 'usage_conflict' ? 'conflict' : 'rejected', error };
};

/**
 * Takes readings of any deployments, each with its own verdict. While one append of a deployment and month runs,
 * readings that arrive for it wait, and are written together in the next one. So many callers may send little, at the
 * cost of one batch.
 */
export class UsageIntake {
  private readonly waiting = new Map<string, Job[]>();
  private readonly known: KnownStreams;

  constructor(
    private readonly core: LedgerCore,
    kept?: KeptStreams,
  ) {
    this.known = new KnownStreams(core, kept);
  }

  /** Errors: `forbidden`. Any other error is the verdict on a reading. */
  async ingest(incoming: readonly Incoming[], caller: Caller): Promise<Ingested[]> {
    assertRole(caller, INGESTERS, 'send usage');
    const verdicts = new Array<Ingested>(incoming.length);
    const indexed = incoming.map((each, index) => ({ ...each, index }));
    // Where one deployment's readings can't be decided on now, those of the others are recorded before the answer.
    const record = async (deploymentId: string, readings: readonly (typeof indexed)[number][]): Promise<void> => {
      const of = await this.ofDeployment(deploymentId, readings, caller);
      for (const [at, { index }] of readings.entries()) verdicts[index] = of[at] ?? missing();
    };
    const ended = await pMap(
      Map.groupBy(indexed, ({ deploymentId }) => deploymentId),
      async ([deploymentId, readings]) => Promise.allSettled([record(deploymentId, readings)]),
      { concurrency: MOST_DEPLOYMENTS },
    );
    for (const each of ended.flat()) valueOf(each);
    return verdicts;
  }

  private async ofDeployment(
    deploymentId: string,
    readings: readonly Incoming[],
    caller: Caller,
  ): Promise<readonly Ingested[]> {
    const tenantId = confinedTo(caller);
    let assignments: readonly Assignment[] = [];
    try {
      if (tenantId !== null || !(await this.core.deployments.has(deploymentId)))
        ({ assignments } = await foundDeployment(this.core, deploymentId));
    } catch (error) {
      return readings.map(() => rejected(error));
    }
    // A caller learns nothing about another tenant's deployment.
    const isOwn = ({ observation }: Incoming): boolean =>
      tenantId === null || tenantAt(assignments, observation.period.start) === tenantId;
    const foreign = (): Ingested =>
      rejected(notFound('unknown_deployment', `deployment ${deploymentId} is not registered`));
    const own = readings.filter(isOwn);
    const of = own.some(({ isEvent }) => isEvent)
      ? await this.events(deploymentId, own, caller)
      : await this.byMonth(
          deploymentId,
          own.map(({ observation }) => observation),
          caller,
        );
    const rest = of.values();
    return readings.map((reading) => (isOwn(reading) ? (rest.next().value ?? missing()) : foreign()));
  }

  /**
   * An event is known by the id of its source, in any month. So one caller at a time looks up and writes the events of
   * a deployment.
   */
  private async events(
    deploymentId: string,
    readings: readonly Incoming[],
    caller: Caller,
  ): Promise<readonly Ingested[]> {
    return this.core.exclusively(lockOfEvents(deploymentId), async () => {
      await copyOtherMonth(this.core, deploymentId, caller);
      const { known, recent } = await this.knownEvents(
        deploymentId,
        readings.map(({ observation }) => observation.sourceId ?? ''),
      );
      const seen = new Map(recent.map((observation) => [observation.sourceId ?? '', observation]));
      const verdicts = readings.map(({ observation, isEvent }): Ingested | null => {
        const sourceId = observation.sourceId ?? '';
        if (!isEvent || sourceId === '') return null;
        const before = known.get(sourceId);
        if (before !== undefined) return standing(before, observation);
        const earlier = seen.get(sourceId);
        seen.set(sourceId, earlier ?? observation);
        if (earlier === undefined) return null;
        return sentBefore(earlier, observation);
      });
      const fresh = readings.filter((_, index) => verdicts[index] === null);
      const events = new Set(fresh.flatMap(({ isEvent, observation }) => (isEvent ? [observation] : [])));
      const observations = fresh.map(({ observation }) => observation);
      const rest = (await this.byMonth(deploymentId, observations, caller, events)).values();
      return verdicts.map((verdict) => verdict ?? rest.next().value ?? missing());
    });
  }

  /** What is known of source ids. `recent`: while the projections are halted, what is recorded and not projected. */
  private async knownEvents(
    deploymentId: string,
    sourceIds: readonly string[],
  ): Promise<{ readonly known: ReadonlyMap<string, KnownReading>; readonly recent: readonly Observation[] }> {
    const wanted = new Set(sourceIds);
    const isWanted = ({ sourceId }: Observation): boolean => wanted.has(sourceId ?? '');
    const ofAnyMonth = usageStream(deploymentId, ANY_MONTH).slice(0, -ANY_MONTH.length);
    const { recent } = await this.core.tail.decidable({
      concerns: ({ stream }) => stream.startsWith(ofAnyMonth),
      matters: ({ type, data }) =>
        type === 'UsageObserved' && data.deploymentId === deploymentId && data.observations.some(isWanted),
      takes: isSent,
    });
    const found = await knownBySource(this.core, deploymentId, sourceIds);
    return {
      known: bySource(found),
      recent: recent.filter(isSent).flatMap(({ data }) => data.observations.filter(isWanted)),
    };
  }

  private async byMonth(
    deploymentId: string,
    observations: readonly Observation[],
    caller: Caller,
    events: ReadonlySet<Observation> = new Set(),
  ): Promise<readonly Ingested[]> {
    const verdicts = new Array<Ingested>(observations.length);
    const faultOf = farFrom(caller.now, this.core.usageYears);
    for (const [index, observation] of observations.entries()) {
      const message = faultOf(observation);
      if (message !== null) verdicts[index] = rejected(invalid('usage_out_of_range', `period ${message}`));
      const size = tooLarge(observation);
      if (size !== null) verdicts[index] = rejected(invalid('event_too_large', size));
    }
    const near = [...observations.keys()].filter((index) => verdicts[index] === undefined);
    const months = Map.groupBy(near, (index) => usageMonth(observations[index]?.period.start ?? missing()));
    await Promise.all(
      [...months].map(async ([month, indexes]) => {
        const of = await this.enqueue(
          deploymentId,
          month,
          indexes.flatMap((index) => observations[index] ?? []),
          caller,
          events,
        );
        for (const [at, index] of indexes.entries()) verdicts[index] = of[at] ?? missing();
      }),
    );
    return verdicts;
  }

  private enqueue(
    deploymentId: string,
    month: string,
    observations: readonly Observation[],
    caller: Caller,
    events: ReadonlySet<Observation>,
  ): Promise<readonly Ingested[]> {
    const done = Promise.withResolvers<readonly Ingested[]>();
    const job: Job = { call: callFor(deploymentId, observations, caller), observations, events, done };
    const stream = usageStream(deploymentId, month);
    const waiting = this.waiting.get(stream);
    if (waiting !== undefined) {
      waiting.push(job);
      return done.promise;
    }
    this.waiting.set(stream, [job]);
    void this.drain(deploymentId, month, stream);
    return done.promise;
  }

  /** Until none waits: what arrives while a batch is written is in the next one. */
  private async drain(deploymentId: string, month: string, stream: string): Promise<void> {
    // Readings of the same turn of the event loop share the first batch too.
    await Promise.resolve();
    for (let jobs = this.take(stream); jobs.length > 0; jobs = this.take(stream)) {
      try {
        await this.write(deploymentId, month, stream, jobs);
      } catch (error) {
        for (const { done } of jobs) done.reject(error);
      }
    }
    this.waiting.delete(stream);
  }

  private take(stream: string): Job[] {
    const waiting = this.waiting.get(stream) ?? [];
    const taken: Job[] = [];
    for (let readings = 0; ;) {
      const next = waiting[0];
      readings += next?.observations.length ?? 0;
      if (next === undefined || (taken.length > 0 && readings > MOST_READINGS)) return taken;
      taken.push(next);
      waiting.shift();
    }
  }

  private async write(deploymentId: string, month: string, stream: string, jobs: readonly Job[]): Promise<void> {
    const [first] = jobs;
    if (first === undefined) return;
    const readings = jobs.flatMap(({ observations }) => observations);
    const appended = await this.known.appendIfNew(stream, readings, async (revision) => {
      const causes = new Map<LedgerEvent, CommandCall>();
      for (const { call, observations } of jobs)
        for (const event of observed(deploymentId, month, observations)) causes.set(event, call);
      return this.core.book.appendAll(stream, revision, first.call, [...causes.keys()], undefined, causes);
    });
    if (appended === null) return this.compare(deploymentId, month, stream, jobs);
    const { position } = appended;
    for (const { done, observations } of jobs) done.resolve(observations.map(() => ({ status: 'accepted', position })));
  }

  /** Records what is new among readings that may be known. */
  private async compare(deploymentId: string, month: string, stream: string, jobs: readonly Job[]): Promise<void> {
    const [first] = jobs;
    if (first === undefined) return;
    const batches = jobs.map(({ observations }) => observations);
    const readings = batches.flat().map((observation) => ({ observation }));
    const touches = touchingKeys(readings);
    const events = jobs.flatMap((job) => job.observations.filter((observation) => job.events.has(observation)));
    const ids = new Set(events.map(({ sourceId = '' }) => sourceId).filter((id) => id !== ''));
    const isSentEvent = ({ sourceId = '' }: Observation): boolean => ids.has(sourceId);
    const touched = touching(readings);
    let known: ReadonlyMap<Observation, Ingested> = new Map();
    let verdicts: readonly Verdict[] = [];
    const { position } = await this.core.book.decideOnReadModels(
      stream,
      first.call,
      async (_position, recent) => {
        const sent = recent.flatMap((event) => (isSent(event) ? event.data.observations : []));
        // One may have been recorded since they were looked up: by a request whose append had no answer.
        known = await this.knownSince(deploymentId, events, sent.filter(isSentEvent));
        const unknown = batches.map((batch) => batch.filter((observation) => !known.has(observation)));
        const decided = await decideEach(this.core, deploymentId, unknown, 'command', sent.filter(touches));
        ({ verdicts } = decided);
        const causes = new Map<LedgerEvent, CommandCall>();
        for (const [number, { call }] of jobs.entries())
          for (const event of [
            ...observed(deploymentId, month, decided.fresh.get(number) ?? []),
            ...namings(deploymentId, month, decided.named.get(number) ?? []),
          ])
            causes.set(event, call);
        return { events: [...causes.keys()], causes };
      },
      (event) => touched(event) || (isSent(event) && event.data.observations.some(isSentEvent)),
      isSent,
    );
    if (position !== undefined) this.known.note(stream, batches.flat(), position);
    const rest = verdicts.values();
    for (const { done, observations } of jobs)
      done.resolve(
        observations.map((each) => known.get(each) ?? withPosition(rest.next().value ?? missing(), position)),
      );
  }

  /** The verdicts on those events that are recorded; `recent`: readings that are recorded and not projected. */
  private async knownSince(
    deploymentId: string,
    events: readonly Observation[],
    recent: readonly Observation[],
  ): Promise<ReadonlyMap<Observation, Ingested>> {
    const idOf = ({ sourceId = '' }: Observation): string => sourceId;
    if (events.length === 0) return new Map();
    const found = await knownBySource(this.core, deploymentId, events.map(idOf));
    const known = bySource(found);
    const sent = new Map(recent.map((each) => [idOf(each), each]));
    return new Map(
      events.flatMap((event): [Observation, Ingested][] => {
        const [before, earlier] = [known.get(idOf(event)), sent.get(idOf(event))];
        if (before !== undefined) return [[event, standing(before, event)]];
        return earlier === undefined ? [] : [[event, sentBefore(earlier, event)]];
      }),
    );
  }
}

const bySource = (found: readonly KnownReading[]): ReadonlyMap<string, KnownReading> =>
  new Map(found.map((each) => [each.last.source_id, each]));

/** The verdict on an event that was sent before: in the same request, or recorded and not projected. */
const sentBefore = (earlier: Observation, observation: Observation): Ingested =>
  sameEvent(bodyOf(earlier), earlier, observation)
    ? { status: 'duplicate' }
    : rejected(
        conflict('usage_conflict', `event ${observation.sourceId ?? ''} was sent twice, with different contents.`),
      );

const observed = (deploymentId: string, month: string, readings: readonly Observation[]): LedgerEvent[] =>
  packedReadings(readings).map((observations) => ({
    type: 'UsageObserved',
    data: { deploymentId, month, origin: 'command', observations },
  }));

/** Readings that were new when they were sent: a correction or a metered reading may be of a known one. */
const isSent = (event: RecordedEvent): event is Extract<RecordedEvent, { readonly type: 'UsageObserved' }> =>
  event.type === 'UsageObserved' && event.data.origin === 'command';

const withPosition = (verdict: Verdict, position: number | undefined): Ingested =>
  verdict.status === 'accepted' && position !== undefined ? { ...verdict, position } : verdict;

const missing = (): never => {
  throw new Error('a reading has no verdict');
};

/** An event that is sent again is the same at any time: without a time of its own it has that of its arrival. */
function standing(known: KnownReading, observation: Observation): Ingested {
  const isKnown = known.versions.some((version) =>
    sameEvent(bodyOfRow(version), { resourceId: version.resource_id, billingKind: version.billing_kind }, observation),
  );
  if (isKnown) return { status: 'duplicate' };
  const error = otherEvent(keyOfRow(known.last), observation) ?? conflictWithRecord({ observation, known });
  return { status: 'conflict', error };
}

/** The refusal of an event whose source and id are recorded for another resource or kind. null: it may be the same. */
export function otherEvent(recorded: ReadingKey, { resourceId, billingKind }: Observation): DomainError | null {
  if (recorded.resourceId === resourceId && recorded.billingKind === billingKind) return null;
  return conflict(
    'usage_conflict',
    `the event with this source and id is recorded as ${recorded.billingKind} of ${recorded.resourceId}, not as` +
      ` ${billingKind} of ${resourceId}: give each event an id of its own`,
  );
}

const sameEvent = (
  body: object,
  { resourceId, billingKind }: Pick<Observation, 'resourceId' | 'billingKind'>,
  observation: Observation,
): boolean =>
  resourceId === observation.resourceId &&
  billingKind === observation.billingKind &&
  canonicalJson(body) === canonicalJson(bodyOf(observation));

/** In the log it is recorded as the command `observe-usage`. */
function callFor(deploymentId: string, observations: readonly Observation[], caller: Caller): CommandCall {
  const name = 'observe-usage';
  const fields = { deploymentId, observations };
  const body = `{"fields":{"deploymentId":${JSON.stringify(deploymentId)},"observations":`;
  // The canonical JSON of name and fields.
  const bodyHash = sha256(body, canonicalReadings(observations), `},"name":"${name}"}`);
  return {
    name,
    fields,
    occurredAt: null,
    key: `${name}:${bodyHash}`,
    isKeyed: false,
    idempotencyKey: null,
    basedOn: null,
    bodyHash,
    caller,
  };
}
