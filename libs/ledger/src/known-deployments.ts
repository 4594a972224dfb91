import type { RecordedEvent } from '#domain/events';
import type { EventLog } from '#event-store/port';

/** How long the log is taken for the one that it was. */
const COMPARED_MS = 250;

/**
 * The deployments that a process found. A registered deployment stays registered, unless the log is set back: then it
 * does not have the last registration that is known, and all are looked up again.
 */
export class KnownDeployments {
  private readonly ids = new Set<string>();
  private last: Pick<RecordedEvent, 'position' | 'id'> | undefined;
  private comparedAt = -Infinity;

  constructor(private readonly log: EventLog) {}

  async has(deploymentId: string): Promise<boolean> {
    if (!this.ids.has(deploymentId)) return false;
    if (performance.now() - this.comparedAt > COMPARED_MS) await this.compare();
    return this.ids.has(deploymentId);
  }

  /** `events`: of the stream of the deployment. */
  add(deploymentId: string, [registration]: readonly RecordedEvent[]): void {
    if (registration === undefined) return;
    this.ids.add(deploymentId);
    if (registration.position > (this.last?.position ?? 0)) this.last = registration;
  }

  private async compare(): Promise<void> {
    this.comparedAt = performance.now();
    const { last } = this;
    const [event] = await Array.fromAsync(this.log.readAt(last === undefined ? [] : [last.position]));
    if (event?.id === last?.id || last !== this.last) return;
    this.ids.clear();
    this.last = undefined;
  }
}
