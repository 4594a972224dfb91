import { notFound } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import { foldTenant, type Tenant, type TenantEvent, tenantEvents } from '#domain/tenants/tenant';

export const isTenantEvent = (event: RecordedEvent): event is Extract<RecordedEvent, TenantEvent> =>
  Object.hasOwn(tenantEvents, event.type);

/** The tenant that the events of its stream describe. Errors: `unknown_tenant`. */
export function tenantOf(events: readonly RecordedEvent[], tenantId: string): Tenant {
  const tenant = foldTenant(events.filter(isTenantEvent));
  if (tenant === null) throw notFound('unknown_tenant', `tenant ${tenantId} is not registered`);
  return tenant;
}
