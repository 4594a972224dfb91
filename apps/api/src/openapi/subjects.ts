/** The groups of operations in the reference, in reading order: what each is about, and its paths. */
const SUBJECTS: Readonly<Record<string, { readonly about: string; readonly paths: readonly string[] }>> = {
  Customers: {
    about: 'Tenants, what they run, what they subscribed to, and what they committed themselves to',
    paths: ['tenants', 'payers', 'deployments', 'subscriptions', 'commitments', 'resources'],
  },
  Catalog: { about: 'Plans, rates, and quotes of usage', paths: ['plans', 'rates', 'quotes'] },
  Usage: {
    about: 'Usage as it is sent, recorded and metered, what no line bills, and budgets',
    paths: ['usage', 'usage-records', 'metered-days', 'days-to-meter', 'unbilled', 'budgets'],
  },
  Invoices: {
    about:
      'Invoices with their lines and documents, owed corrections, credit notes, consolidated invoices, credits,' +
      ' payments, transfers, statements, books',
    paths: [
      ...['invoices', 'lines', 'owed', 'credit-notes', 'consolidated-invoices', 'credits', 'payments', 'transfers'],
      ...['statement', 'books'],
    ],
  },
  Margin: {
    about:
      'Revenue, cost, margin, shared cost, unit economics, totals of provider invoices, alerts, and what has accrued',
    paths: ['dashboard', 'cost-sharing', 'kind-mappings', 'provider-totals', 'cost-rates', 'margin-alerts', 'alerts'],
  },
  Commands: {
    about: 'All that is written: commands, their preview in money, and approval by a second person',
    paths: ['commands', 'preview', 'proposals'],
  },
  Audit: { about: 'Explanations, events, differences between two moments, and checks', paths: ['audit'] },
  Messages: {
    about: 'What happened, for other systems: webhooks and a feed',
    paths: ['webhooks', 'events'],
  },
  Operation: { about: 'Projections, tokens, health and metrics', paths: ['projections', 'tokens', 'service'] },
  GraphQL: { about: 'All queries and commands in one endpoint', paths: ['graphql'] },
};

const OF_PATH = new Map(Object.entries(SUBJECTS).flatMap(([name, { paths }]) => paths.map((path) => [path, name])));

export const TAGS: readonly { readonly name: string; readonly description: string }[] = Object.entries(SUBJECTS).map(
  ([name, { about }]) => ({ name, description: about }),
);

/** Errors: the path belongs to no group. */
export function subjectOf(path: string): string {
  const first = path.startsWith('/api/v1/') ? (path.split('/')[3] ?? '') : 'service';
  const subject = OF_PATH.get(first);
  if (subject === undefined)
    throw new Error(`${path} has no subject. Add ${first} to apps/api/src/openapi/subjects.ts.`);
  return subject;
}
