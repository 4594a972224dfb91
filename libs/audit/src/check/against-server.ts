import type { Check } from './finding.js';

/** With EventStoreDB as the log: whether it still has what the mirror in Postgres copied from it. */
export const againstServer: Check = async ({ core: { mirror } }) =>
  ((await mirror?.differences()) ?? []).map(({ code, message, remedy, stream, revisions, position }) => ({
    code,
    message,
    ids: { stream, revisions, position },
    remedy,
  }));
