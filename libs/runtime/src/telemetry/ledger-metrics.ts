import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Progress } from '#read-model/projection';
import type { LedgerCore } from '#ledger/ledger-core';
import type { Measuring } from './measured.js';

export const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const EVENTS = [1, 2, 5, 10, 50, 100, 500, 1000];

/** How far the log and the read models are: looked at when metrics are asked for. */
interface Standing {
  readonly head: number;
  readonly position: number;
  /** Whether an event can't be applied. */
  readonly isHalted: boolean;
  /** The position of the read models that are being built beside those that serve; null: none are. */
  readonly rebuilt: number | null;
}

async function standingOf({ log, rebuilder }: LedgerCore): Promise<Standing> {
  const [head, { live, shadow }] = await Promise.all([log.head(), rebuilder.status()]);
  return {
    head,
    position: live?.position ?? 0,
    isHalted: (live?.halted ?? null) !== null,
    rebuilt: shadow?.position ?? null,
  };
}

/** Figures of a ledger's process for Prometheus, whoever runs it. A registry of each one's own: several may run in one process. */
export class LedgerMetrics implements Measuring {
  readonly registry = new Registry();
  private readonly appends = new Histogram({
    name: 'ledgerline_append_duration_seconds',
    help: 'From the decision to the log’s answer, waiting for others included',
    labelNames: ['outcome'] as const,
    buckets: SECONDS,
    registers: [this.registry],
  });
  private readonly appendsWaiting = new Gauge({
    name: 'ledgerline_appends_under_way',
    help: 'Appends that the log has not answered',
    registers: [this.registry],
  });
  private readonly batches = new Histogram({
    name: 'ledgerline_append_events',
    help: 'Events of one append',
    buckets: EVENTS,
    registers: [this.registry],
  });
  private readonly bytes = new Histogram({
    name: 'ledgerline_append_bytes',
    help: 'Characters of data and metadata of one append',
    buckets: [1e3, 1e4, 1e5, 5e5, 1e6],
    registers: [this.registry],
  });
  private readonly catchUps = new Histogram({
    name: 'ledgerline_catch_up_duration_seconds',
    help: 'How long the read models were waited for',
    buckets: SECONDS,
    registers: [this.registry],
  });
  private readonly projected = new Histogram({
    name: 'ledgerline_projected_events',
    help: 'Events of one transaction of the projections',
    buckets: EVENTS,
    registers: [this.registry],
  });
  private readonly projecting = new Histogram({
    name: 'ledgerline_project_duration_seconds',
    help: 'How long one transaction of the projections took',
    buckets: SECONDS,
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** Gauges of where log and read models are, asked for at each scrape; where that can't be told, they say so by their absence. */
  watch(core: LedgerCore): void {
    // All are of one moment: they are collected at once.
    let asked: Promise<Standing | null> | undefined;
    const now = (): Promise<Standing | null> =>
      (asked ??= standingOf(core)
        .catch(() => null)
        .finally(() => {
          asked = undefined;
        }));
    const gauge = (name: string, help: string, of: (at: Standing) => number | null): Gauge =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        async collect() {
          const at = await now();
          const value = at === null ? null : of(at);
          if (value === null) this.remove();
          else this.set(value);
        },
      });
    gauge('ledgerline_head_position', 'The position of the log’s last event', ({ head }) => head);
    gauge(
      'ledgerline_projected_position',
      'The position of the last event that is projected',
      ({ position }) => position,
    );
    gauge(
      'ledgerline_projection_lag_events',
      'Events that are recorded and not projected yet',
      ({ head, position }) => head - position,
    );
    gauge('ledgerline_projections_halted', '1 where an event can’t be applied', ({ isHalted }) => (isHalted ? 1 : 0));
    gauge(
      'ledgerline_rebuild_position',
      'The position of the read models that are being built beside those that serve',
      ({ rebuilt }) => rebuilt,
    );
    gauge('ledgerline_rebuild_lag_events', 'Events that these are behind those that serve', ({ rebuilt, position }) =>
      rebuilt === null ? null : Math.max(0, position - rebuilt),
    );
  }

  /** What a process has projected that runs the projections. */
  progressed({ batch, ms }: Progress): void {
    this.projected.observe(batch.length);
    this.projecting.observe(ms / 1000);
  }

  async append<Result>(
    { events, bytes }: { events: number; bytes: number },
    work: () => Promise<Result>,
  ): Promise<Result> {
    this.batches.observe(events);
    this.bytes.observe(bytes);
    this.appendsWaiting.inc();
    const end = this.appends.startTimer();
    try {
      const result = await work();
      end({ outcome: 'appended' });
      return result;
    } catch (error) {
      end({ outcome: error instanceof Error ? error.name : 'failed' });
      throw error;
    } finally {
      this.appendsWaiting.dec();
    }
  }

  async catchUp<Result>(work: () => Promise<Result>): Promise<Result> {
    const end = this.catchUps.startTimer();
    try {
      return await work();
    } finally {
      end();
    }
  }
}
