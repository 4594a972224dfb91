import { DomainError } from '#domain/errors';
import type { Instant } from '#domain/time/instant';

export const ROLES = ['platform_admin', 'operator', 'auditor', 'tenant', 'ingest'] as const;
export type Role = (typeof ROLES)[number];

/** Roles whose tokens may be bound to a tenant. To the others all tenants are open. */
export const ROLES_OF_TENANTS: readonly Role[] = ['tenant', 'ingest'];

/** Who makes a request, with which role, and at what time. Code below the apps does not read the clock. */
export interface Caller {
  readonly actor: string;
  readonly role: Role;
  /** For role `tenant`: whose rows the caller sees. For role `ingest`: whose usage it may append. */
  readonly tenantId?: string;
  readonly now: Instant;
  readonly correlationId?: string;
  readonly requestId?: string;
  /** The trace of the request, in the format of W3C Trace Context. */
  readonly traceparent?: string;
}

/** Whose share a request counts in: those of a tenant count together, and its usage apart from its reads. */
export const ownerOf = ({ actor, role, tenantId }: Pick<Caller, 'actor' | 'role' | 'tenantId'>): string =>
  tenantId === undefined ? `actor ${actor}` : `${role} ${tenantId}`;

const forbidden = (what: string, role: Role, allowed: readonly Role[]): DomainError =>
  new DomainError('forbidden', `role "${role}" may not ${what} (allowed: ${allowed.join(', ')})`, 'forbidden');

/** `what`: a verb and its object, such as `read margin`. Errors: `forbidden`. */
export function assertRole(caller: Caller, allowed: readonly Role[], what: string): void {
  if (!allowed.includes(caller.role)) throw forbidden(what, caller.role, allowed);
}

/**
 * The only tenant that the caller may see or write to. null: no restriction. A token with role `tenant` must name its
 * tenant; a token with role `ingest` may.
 */
export function confinedTo(caller: Caller): string | null {
  if (caller.role === 'ingest') return caller.tenantId ?? null;
  if (caller.role !== 'tenant') return null;
  if (caller.tenantId === undefined)
    throw new DomainError('forbidden', `the token has role "${caller.role}" but no tenantId`, 'forbidden');
  return caller.tenantId;
}
