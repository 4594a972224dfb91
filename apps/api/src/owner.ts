import type { Caller } from '#ledger/caller';

/** Whose share a request counts in: those of a tenant count together, and its usage apart from its reads. */
export const ownerOf = ({ actor, role, tenantId }: Caller): string =>
  tenantId === undefined ? `actor ${actor}` : `${role} ${tenantId}`;
