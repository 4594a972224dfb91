import { notFound } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import {
  type Deployment,
  type DeploymentEvent,
  deploymentEvents,
  deploymentStream,
  foldDeployment,
} from '#domain/tenants/deployment';
import type { LedgerCore } from './ledger-core.js';

export const isDeploymentEvent = (event: RecordedEvent): event is Extract<RecordedEvent, DeploymentEvent> =>
  Object.hasOwn(deploymentEvents, event.type);

/** The deployment that the events of a stream describe. Errors: `unknown_deployment`. */
export function deploymentOf(events: readonly RecordedEvent[], deploymentId: string): Deployment {
  const deployment = foldDeployment(events.filter(isDeploymentEvent));
  if (deployment === null) throw notFound('unknown_deployment', `deployment ${deploymentId} is not registered`);
  return deployment;
}

/** The deployment as the log has it, which is then known. Errors: `unknown_deployment`. */
export async function foundDeployment(core: LedgerCore, deploymentId: string): Promise<Deployment> {
  const events = await core.book.load(deploymentStream(deploymentId));
  const deployment = deploymentOf(events, deploymentId);
  core.deployments.add(deploymentId, events);
  return deployment;
}
