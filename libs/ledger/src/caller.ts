import { DomainError } from '#domain/errors';
import type { Instant } from '#domain/time/instant';

export const ROLES = ['platform_admin', 'operator', 'auditor', 'tenant', 'ingest'] as const;
export type Role = (typeof ROLES)[number];

/** Who asks, with what right, and what the time is: nothing below the apps looks at the clock. */
export interface Caller {
  readonly actor: string;
  readonly role: Role;
  /** The tenant whose rows a `tenant` sees, and whose usage an `ingest` appends. */
  readonly tenantId?: string;
  readonly now: Instant;
  readonly correlationId?: string;
  readonly requestId?: string;
  /** The trace that it is asked in, as W3C's trace context writes it down. */
  readonly traceparent?: string;
}

const forbidden = (what: string, role: Role): DomainError =>
  new DomainError('forbidden', `${what} is not for the role ${role}`, 'forbidden');

export function assertRole(caller: Caller, allowed: readonly Role[], what: string): void {
  if (!allowed.includes(caller.role)) throw forbidden(what, caller.role);
}

/**
 * The tenant to which a caller is confined; null: to none. A tenant token that names no tenant sees nothing; an ingest token may
 * name the one whose usage alone it appends.
 */
export function confinedTo(caller: Caller): string | null {
  if (caller.role === 'ingest') return caller.tenantId ?? null;
  if (caller.role !== 'tenant') return null;
  if (caller.tenantId === undefined)
    throw new DomainError('forbidden', `the token has the role ${caller.role} but names no tenant`, 'forbidden');
  return caller.tenantId;
}
