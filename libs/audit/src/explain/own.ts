import type { QueryContext } from '#ledger/query';

/** Whether the caller may see what is of this tenant. */
export const isOwn = ({ confinedTo }: QueryContext, tenantId: string): boolean =>
  confinedTo === null || confinedTo === tenantId;
