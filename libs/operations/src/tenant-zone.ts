import { z } from 'zod';
import { tenantAt } from '#domain/tenants/deployment';
import { isTimeZone } from '#domain/tenants/tenant';
import { midnight } from '#domain/time/calendar';
import { lastInstantBefore } from '#domain/time/instant';
import { dayOf } from '#domain/time/period';
import { isUuid } from '#domain/uuid';
import { allLines } from '#billing/invoices/contracts';
import type { LedgerCore } from '#ledger/ledger-core';
import { readAssignments, readDeploymentOfSubscription } from '#projections/deployments/deployments.read';
import { readLinesById } from '#projections/invoice-lines/invoice-lines.read';
import { readCreditNoteNamed, readInvoiceNamed } from '#projections/invoices/issued-invoices.read';
import { readTenants } from '#projections/tenants/tenants.read';

/** One id, or several. */
const zIds = z.union([z.string().transform((id) => [id]), z.array(z.string())]).default([]);

const zSubject = z.object({
  tenantId: zIds,
  tenantIds: zIds,
  deploymentId: zIds,
  deploymentIds: zIds,
  subscriptionId: zIds,
  subscriptionIds: zIds,
  /** Of a list or a statement of what it pays. In a command beside the tenant, it may be null. */
  payerId: zIds.catch([]),
  invoiceId: zIds,
  /** Of an invoice, a credit note or a line, by id or number. */
  id: zIds,
  timeZone: z.string().optional(),
});
type Subject = z.output<typeof zSubject>;

/**
 * The time zone of the tenant that a command or a query is about, as known at a position; a deployment is its tenant's
 * at the end of the UTC day. null: it names none, or tenants of several zones. UTC: what it names is not known, and it
 * is refused for that.
 */
export async function timeZoneOf(
  core: LedgerCore,
  position: number,
  given: object,
  date: string,
): Promise<string | null> {
  const subject = zSubject.safeParse(given).data;
  if (subject === undefined) return null;
  const { timeZone, ...ids } = subject;
  if (Object.values(ids).every((named) => named.length === 0)) return null;
  const tenants = await readTenants(core.db, position, await tenantsOf(core, position, subject, date));
  const zones = new Set(tenants.map((tenant) => tenant.time_zone));
  if (zones.size > 1) return null;
  const [zone] = zones;
  // A tenant that is being registered says its time zone itself.
  return zone ?? (timeZone !== undefined && isTimeZone(timeZone) ? timeZone : 'UTC');
}

/** Tenants that are named themselves come first: the rest only selects among what they have. */
async function tenantsOf(core: LedgerCore, position: number, subject: Subject, date: string): Promise<string[]> {
  const named = [...subject.tenantId, ...subject.tenantIds];
  if (named.length > 0) return named;
  if (subject.payerId.length > 0) return subject.payerId;
  const documents = [...subject.invoiceId, ...subject.id];
  const ofDocuments = await Promise.all(documents.map(async (id) => tenantOfDocument(core, position, id, date)));
  const ofSubscriptions = await Promise.all(
    [...subject.subscriptionId, ...subject.subscriptionIds].map(async (id) =>
      readDeploymentOfSubscription(core.db, id),
    ),
  );
  const deploymentIds = [...subject.deploymentId, ...subject.deploymentIds, ...ofSubscriptions];
  const ofDeployments = await holdersOf(core, position, deploymentIds.filter(isKnown), date);
  return [...ofDocuments.filter(isKnown), ...ofDeployments];
}

const isKnown = (id: string | undefined): id is string => id !== undefined;

const endOfDay = (date: string) => dayOf(midnight(date, 'UTC')).end;

async function holdersOf(
  core: LedgerCore,
  position: number,
  deploymentIds: readonly string[],
  date: string,
): Promise<string[]> {
  if (deploymentIds.length === 0) return [];
  const rows = await readAssignments(core.db, position, { deploymentIds });
  const held = Map.groupBy(rows, (row) => row.deployment_id);
  return [...held.values()].flatMap((ofOne) => {
    const assignments = ofOne.map((row) => ({ tenantId: row.tenant_id, from: row.effective_from }));
    return tenantAt(assignments, lastInstantBefore(endOfDay(date))) ?? assignments[0]?.tenantId ?? [];
  });
}

/** The tenant of an invoice, a credit note or a line. A line that no invoice has claimed is found among all lines. */
async function tenantOfDocument(
  core: LedgerCore,
  position: number,
  id: string,
  date: string,
): Promise<string | undefined> {
  const document =
    (await readInvoiceNamed(core.db, position, id)) ?? (await readCreditNoteNamed(core.db, position, id));
  if (document !== undefined) return document.tenant_id;
  if (!isUuid(id)) return undefined;
  const [line] = await readLinesById(core.db, position, [id]);
  if (line !== undefined) return line.tenant_id;
  // Midnight is at most half a day after the one in UTC.
  return (await allLines(core, position, endOfDay(date))).find(({ lineId }) => lineId === id)?.tenantId;
}
