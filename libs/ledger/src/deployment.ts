import { notFound } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import { type Deployment, type DeploymentEvent, deploymentEvents, foldDeployment } from '#domain/tenants/deployment';

export const isDeploymentEvent = (event: RecordedEvent): event is Extract<RecordedEvent, DeploymentEvent> =>
  Object.hasOwn(deploymentEvents, event.type);

/** The deployment that the events of a stream describe. Errors: `unknown_deployment`. */
export function deploymentOf(events: readonly RecordedEvent[], deploymentId: string): Deployment {
  const deployment = foldDeployment(events.filter(isDeploymentEvent));
  if (deployment === null) throw notFound('unknown_deployment', `deployment ${deploymentId} is not registered`);
  return deployment;
}
