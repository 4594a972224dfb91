import type { QueryDefinition } from '#ledger/query';
import { accountQueries } from './accounts.queries.js';
import { auditQueries } from './audit.queries.js';
import { catalogQueries } from './catalog.queries.js';
import { checkQueries } from './check.queries.js';
import { creditQueries } from './credits.queries.js';
import { dashboardQueries } from './dashboard.queries.js';
import { documentQueries } from './documents.queries.js';
import { invoiceQueries } from './invoices.queries.js';
import { lineQueries } from './lines.queries.js';
import { quoteQueries } from './quote.queries.js';
import { unbilledQueries } from './unbilled.queries.js';
import { usageQueries } from './usage.queries.js';

/** Every query by name: REST, the CLI and the console ask the same. */
export const QUERIES: ReadonlyMap<string, QueryDefinition> = new Map(
  [
    ...usageQueries,
    ...unbilledQueries,
    ...catalogQueries,
    ...accountQueries,
    ...lineQueries,
    ...invoiceQueries,
    ...creditQueries,
    ...documentQueries,
    ...dashboardQueries,
    ...quoteQueries,
    ...auditQueries,
    ...checkQueries,
  ].map((query) => [query.name, query]),
);
