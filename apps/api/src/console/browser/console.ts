/**
 * The program of the console, for the browser. It makes elements and sets their text, so data never becomes markup. Its
 * types have only the fields of API responses that it shows.
 */

interface Period {
  readonly start: string;
  readonly end: string | null;
}
interface List<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}
/** The instant of the first event that the read models lack. null: they are current. */
interface Projections extends List<Projection> {
  readonly staleSince: string | null;
}
interface Projection {
  readonly name: string;
  readonly version: number;
  readonly position: number;
  readonly head: number;
  readonly lag: number;
}
interface Tenant {
  readonly tenantId: string;
  readonly name: string | null;
  readonly currency: string;
  readonly timeZone: string;
  readonly taxes: readonly { readonly name: string; readonly ratePercent: string; readonly from: string }[];
}
interface Row {
  readonly ref: string;
  readonly quantity: string;
  readonly unitAmount: string;
  readonly gross: string;
  readonly net: string;
  readonly reason?: string;
}
interface LineFigures {
  readonly billingKind: string;
  readonly period: Period;
  readonly deploymentId: string | null;
  readonly quantity: string;
  readonly net: string;
}
interface InvoiceLine extends LineFigures {
  readonly lineId: string;
  readonly parentLineId: string | null;
  readonly correction: boolean;
  readonly rows: readonly Row[];
}
interface Invoice {
  readonly invoiceId: string;
  readonly number: string | null;
  readonly tenantId: string;
  readonly status: string;
  readonly asOf: string;
  readonly currency: string;
  readonly subtotal: string;
  readonly tax: string;
  readonly total: string;
  readonly lines: readonly InvoiceLine[];
  readonly quarantined: readonly { readonly code: string; readonly message: string }[];
}
interface LineWithParts extends LineFigures {
  readonly parts?: readonly unknown[];
}
interface Resource {
  readonly provider: string;
  readonly providerId: string;
  readonly kind: string;
  readonly name: string;
  readonly status: string;
  readonly tenantId: string | null;
  readonly deploymentId: string | null;
  readonly lastSeenAt: string;
  readonly deletedAt: string | null;
}
interface MarginFigures {
  readonly revenue: string;
  readonly cogs: string;
  readonly margin: string;
  readonly marginPct: string | null;
}
interface TenantMargin extends MarginFigures {
  readonly tenantId: string;
}
interface DeploymentMargin extends TenantMargin {
  readonly deploymentId: string | null;
}
interface Margin {
  readonly period: string;
  readonly currency: string;
  readonly otherCurrencies: readonly string[];
  readonly overall: MarginFigures;
  readonly unattributed: { readonly cogs: string };
  readonly byTenant: readonly TenantMargin[];
  readonly byDeployment: readonly DeploymentMargin[];
  readonly byKind: {
    readonly revenue: readonly { readonly billingKind: string; readonly revenue: string }[];
    readonly cogs: readonly { readonly kind: string; readonly cogs: string }[];
  };
}
interface AccruedFigures {
  readonly accrued: string;
  readonly issued: string;
  readonly unbilled: string;
  readonly dueAtPeriodEnd: string;
}
interface Accrual extends AccruedFigures {
  readonly at: string;
  readonly currency: string;
  readonly subscriptions: readonly (AccruedFigures & {
    readonly subscriptionId: string;
    readonly tenantId: string;
    readonly deploymentId: string;
    readonly lines: readonly (AccruedFigures & {
      readonly billingKind: string;
      readonly quarantine: { readonly message: string } | null;
    })[];
  })[];
  readonly otherCurrencies: readonly string[];
}

/** The API responses, by the name of the request. */
interface Answers {
  readonly projections: Projections;
  readonly tenants: List<Tenant>;
  readonly invoices: List<Invoice>;
  readonly invoice: Invoice;
  readonly line: LineWithParts;
  readonly resources: List<Resource>;
  readonly margin: Margin;
  readonly accrual: Accrual;
  readonly explain: unknown;
}
const PATHS: Readonly<Record<keyof Answers, (id: string) => string>> = {
  projections: () => 'projections',
  tenants: () => 'tenants',
  invoices: () => 'invoices',
  invoice: (id) => `invoices/${encodeURIComponent(id)}`,
  line: (id) => `lines/${encodeURIComponent(id)}`,
  resources: () => 'resources',
  margin: () => 'dashboard/margin',
  accrual: () => 'dashboard/accrual',
  explain: (id) => `audit/explain/${encodeURIComponent(id)}`,
};

interface Question {
  readonly id?: string;
  readonly parameters?: Readonly<Record<string, string | null>>;
}

const KEY = 'ledgerline-token';
const token = (): string | null => sessionStorage.getItem(KEY);

/** Errors: Problem, with the reason that the API gives. */
async function ask<Name extends keyof Answers>(
  name: Name,
  { id = '', parameters = {} }: Question = {},
): Promise<Answers[Name]> {
  const url = new URL(`/api/v1/${PATHS[name](id)}`, location.origin);
  for (const [key, value] of Object.entries(parameters))
    if (value !== null && value !== '') url.searchParams.set(key, value);
  const response = await fetch(url, { headers: { authorization: `Bearer ${token() ?? ''}` } });
  const answer: unknown = await response.json().catch(() => UNREADABLE);
  if (!response.ok || answer === UNREADABLE) throw problemOf(answer, response.status);
  showStale(response.headers.get('ledgerline-stale-since'));
  // The API responds in the shapes that its OpenAPI document declares.
  return answer as Answers[Name];
}

/** The banner stays until another view is shown. */
function showStale(since: string | null): void {
  if (since === null) return;
  byId('stale').textContent =
    `Stale since ${since}: what was recorded from then on can't be projected and is not shown.` +
    ' Check the reason with "ledgerline projections status".';
  byId('stale').hidden = false;
}
const UNREADABLE = Symbol('not JSON');

class Problem extends Error {
  readonly title: string;
  readonly faults: readonly string[];
  constructor(title: string, detail: string, faults: readonly string[]) {
    super(detail);
    this.title = title;
    this.faults = faults;
  }
}

/** The fields of a problem document that are shown. Other responses do not have them. */
interface ProblemDocument {
  readonly title: string;
  readonly detail: string;
  readonly errors: readonly { readonly field: string; readonly message: string }[];
}
const isProblem = (answer: unknown): answer is ProblemDocument =>
  typeof answer === 'object' && answer !== null && 'title' in answer && 'detail' in answer && 'errors' in answer;

const problemOf = (answer: unknown, status: number): Problem =>
  isProblem(answer)
    ? new Problem(
        answer.title,
        answer.detail,
        answer.errors.map(({ field, message }) => `${field}: ${message}`),
      )
    : new Problem('The API sent an unreadable response', `HTTP ${status}`, []);

type Child = Node | string | number | null | undefined;

/** An element with a name (and classes), attributes or properties, and children. Text is never parsed as markup. */
function element(
  name: string,
  properties: Readonly<Record<string, string | number>> = {},
  ...children: readonly (Child | readonly Child[])[]
): HTMLElement {
  const [tag = '', ...classes] = name.split('.');
  const made = document.createElement(tag);
  if (classes.length > 0) made.className = classes.join(' ');
  for (const [key, value] of Object.entries(properties))
    if (key.startsWith('aria-')) made.setAttribute(key, String(value));
    else Reflect.set(made, key, value);
  for (const child of children.flat())
    if (child !== null && child !== undefined) made.append(child instanceof Node ? child : String(child));
  return made;
}

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function problemBox(error: unknown): HTMLElement {
  const { title, faults } = error instanceof Problem ? error : { title: 'The API does not respond', faults: [] };
  return element(
    'div.problem',
    { role: 'alert' },
    element('strong', {}, title),
    element('p', {}, messageOf(error)),
    faults.length === 0
      ? null
      : element(
          'ul',
          {},
          faults.map((fault) => element('li', {}, fault)),
        ),
  );
}

/** A column of a table: its heading, the value of a row, and whether it is a figure. */
type Column<Item> = readonly [heading: string, value: (item: Item) => Child, kind?: 'figure'];

const cells = <Item>(columns: readonly Column<Item>[], item: Item): HTMLElement[] =>
  columns.map(([, value, kind]) => element(kind === undefined ? 'td' : 'td.figure', {}, value(item)));

const headings = <Item>(columns: readonly Column<Item>[]): HTMLElement =>
  element(
    'thead',
    {},
    element(
      'tr',
      {},
      columns.map(([heading, , kind]) => element(kind === undefined ? 'th' : 'th.figure', { scope: 'col' }, heading)),
    ),
  );

function table<Item>(columns: readonly Column<Item>[], items: readonly Item[]): HTMLElement {
  if (items.length === 0) return element('p.quiet', {}, 'None.');
  const rows = items.map((item) => element('tr', {}, cells(columns, item)));
  return element('div.scroll', {}, element('table', {}, headings(columns), element('tbody', {}, rows)));
}

/** A list, page by page. */
async function pages<Item>(
  pageAfter: (cursor: string | null) => Promise<List<Item>>,
  columns: readonly Column<Item>[],
): Promise<HTMLElement> {
  const holder = element('div');
  const more = async (cursor: string | null): Promise<void> => {
    const { items, nextCursor } = await pageAfter(cursor);
    holder.append(table(columns, items));
    if (nextCursor === null) return;
    const button = element('button', { type: 'button' }, 'More');
    button.addEventListener('click', () => {
      button.remove();
      more(nextCursor).catch((error: unknown) => {
        holder.append(problemBox(error));
      });
    });
    holder.append(button);
  };
  await more(null);
  return holder;
}
const page = (cursor: string | null, more: Readonly<Record<string, string | null>> = {}): Question => ({
  parameters: { ...more, limit: '100', cursor },
});

const day = (at: string): string => at.slice(0, 10);
const plainTime = (at: string): string => at.replace('T00:00:00Z', '');
const span = ({ start, end }: Period): string => `${plainTime(start)} – ${end === null ? 'open' : plainTime(end)}`;
const link = (hash: string, label: string): HTMLElement => element('a', { href: `#${hash}` }, label);
const money = (amount: string, currency: string): string => `${amount} ${currency}`;

type View = (parameters: URLSearchParams) => Promise<readonly (Child | readonly Child[])[]>;

const projections: View = async () => {
  const { items, staleSince } = await ask('projections');
  showStale(staleSince);
  return [
    element('h2', {}, 'Projections'),
    table<Projection>(
      [
        ['Name', (each) => each.name],
        ['Version', (each) => each.version, 'figure'],
        ['Position', (each) => each.position, 'figure'],
        ['Log head', (each) => each.head, 'figure'],
        ['Lag', (each) => each.lag, 'figure'],
      ],
      items,
    ),
  ];
};

const tenants: View = async () => [
  element('h2', {}, 'Tenants'),
  await pages<Tenant>(
    async (cursor) => ask('tenants', page(cursor)),
    [
      ['Tenant', (each) => link(`invoices?tenantId=${encodeURIComponent(each.tenantId)}`, each.tenantId)],
      ['Name', (each) => each.name ?? '(erased)'],
      ['Currency', (each) => each.currency],
      ['Time zone', (each) => each.timeZone],
      ['Taxes', (each) => each.taxes.map((tax) => `${tax.name} ${tax.ratePercent} % from ${day(tax.from)}`).join(', ')],
    ],
  ),
];

const invoices: View = async (parameters) => {
  const id = parameters.get('id');
  if (id !== null) return invoice(id);
  const tenantId = parameters.get('tenantId');
  return [
    element('h2', {}, tenantId === null ? 'Invoices' : `Invoices of ${tenantId}`),
    await pages<Invoice>(
      async (cursor) => ask('invoices', page(cursor, { tenantId })),
      [
        ['Invoice', (each) => link(`invoices?id=${encodeURIComponent(each.invoiceId)}`, each.number ?? each.invoiceId)],
        ['Tenant', (each) => each.tenantId],
        ['Status', (each) => each.status],
        ['As of', (each) => each.asOf],
        ['Net', (each) => money(each.subtotal, each.currency), 'figure'],
        ['Tax', (each) => money(each.tax, each.currency), 'figure'],
        ['Total', (each) => money(each.total, each.currency), 'figure'],
      ],
    ),
  ];
};

interface ShownLine extends LineFigures {
  readonly correction: boolean;
  readonly status: string;
}
const LINE_COLUMNS: readonly Column<ShownLine>[] = [
  ['Line', (line) => line.billingKind + (line.correction ? ' (correction)' : '')],
  ['Period', (line) => span(line.period)],
  ['Deployment', (line) => line.deploymentId],
  ['Status', (line) => line.status],
  ['Quantity', (line) => line.quantity, 'figure'],
  ['Net', (line) => line.net, 'figure'],
];

const rowLine = (row: Row): HTMLElement =>
  element(
    'tr.row',
    {},
    element('td', {}, row.ref),
    element(
      'td',
      { colSpan: 3 },
      `${row.quantity} × ${row.unitAmount}${row.reason === undefined ? '' : `, ${row.reason}`}`,
    ),
    element('td.figure', {}, row.gross),
    element('td.figure', {}, row.net),
  );

/** One invoice: each part is below the line that it was cut from, with its rows below it. */
async function invoice(id: string): ReturnType<View> {
  const found = await ask('invoice', { id });
  const body = element('tbody');
  for (const [parentId, family] of Map.groupBy(found.lines, (line) => line.parentLineId ?? line.lineId)) {
    if (family.some((line) => line.parentLineId !== null)) body.append(await parentRow(parentId, family));
    for (const line of family)
      body.append(
        element(line.parentLineId === null ? 'tr' : 'tr.part', {}, cells(LINE_COLUMNS, { ...line, status: 'valid' })),
        ...line.rows.map(rowLine),
      );
  }
  return [
    element('h2', {}, `Invoice ${found.number ?? found.invoiceId}`),
    element('p', {}, `${found.tenantId}, ${found.status}, as of ${found.asOf}, amounts in ${found.currency}`),
    element('div.scroll', {}, element('table', {}, headings(LINE_COLUMNS), body)),
    table<Invoice>(
      [
        ['Net', (each) => each.subtotal, 'figure'],
        ['Tax', (each) => each.tax, 'figure'],
        ['Total', (each) => each.total, 'figure'],
      ],
      [found],
    ),
    found.quarantined.map(({ message }) => element('p.problem', {}, element('strong', {}, 'Quarantined: '), message)),
    element('p', {}, link(`explain?id=${encodeURIComponent(found.invoiceId)}`, 'Explain this invoice with its events')),
  ];
}

/** A split line is not on an invoice itself. It groups its parts. This invoice may have only some of them. */
async function parentRow(id: string, family: readonly InvoiceLine[]): Promise<HTMLElement> {
  const whole = await ask('line', { id }).catch(() => null);
  const [first] = family;
  const figures = whole ?? (first === undefined ? null : { ...first, quantity: '', net: '' });
  if (figures === null) return element('tr.parent');
  const parts = whole?.parts;
  const status = parts === undefined ? 'split' : `split, ${family.length} of ${parts.length} parts on this invoice`;
  return element('tr.parent', {}, cells(LINE_COLUMNS, { ...figures, correction: false, status }));
}

const explain: View = async (parameters) => {
  const id = parameters.get('id') ?? '';
  const answer = await ask('explain', { id });
  return [element('h2', {}, `Explain ${id}`), element('pre', {}, JSON.stringify(answer, null, 2))];
};

const resources: View = async () => [
  element('h2', {}, 'Resources'),
  await pages<Resource>(
    async (cursor) => ask('resources', page(cursor)),
    [
      ['Provider', (each) => each.provider],
      ['Id', (each) => each.providerId],
      ['Kind', (each) => each.kind],
      ['Name', (each) => each.name],
      ['Status', (each) => each.status],
      ['Tenant', (each) => each.tenantId],
      ['Deployment', (each) => each.deploymentId ?? 'standalone'],
      ['Last seen', (each) => each.lastSeenAt],
      ['Deleted', (each) => each.deletedAt],
    ],
  ),
];

const MARGIN_FIGURES: readonly Column<MarginFigures>[] = [
  ['Revenue', (each) => each.revenue, 'figure'],
  ['Cost', (each) => each.cogs, 'figure'],
  ['Margin', (each) => each.margin, 'figure'],
  ['%', (each) => each.marginPct, 'figure'],
];

/** Today's date in UTC, as the default of the form. The API receives the date as a parameter. */
const today = (): string => new Date().toISOString().slice(0, 10);

interface Field {
  readonly name: string;
  readonly label: string;
  readonly type: 'date' | 'text';
  readonly value: string;
}

/** A form that shows a view with other values of its fields. */
function choice(view: keyof typeof VIEWS, fields: readonly Field[]): HTMLElement {
  const form = document.createElement('form');
  for (const { name, label, type, value } of fields)
    form.append(element('label', {}, `${label} `, element('input', { name, type, value, 'aria-label': label })));
  form.append(element('button', {}, 'Show'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const values = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (typeof value === 'string') values.set(name, value);
    location.hash = `${view}?${values}`;
  });
  return form;
}

const others = (currencies: readonly string[]): string =>
  currencies.length === 0 ? '' : `; other currencies: ${currencies.join(', ')}`;

const margin: View = async (parameters) => {
  const period = parameters.get('period') ?? today();
  const currency = parameters.get('currency') ?? 'USD';
  const found = await ask('margin', { parameters: { period, currency } });
  return [
    element('h2', {}, 'Margin'),
    choice('margin', [
      { name: 'period', label: 'Month (any day of it)', type: 'date', value: period },
      { name: 'currency', label: 'Currency', type: 'text', value: currency },
    ]),
    element('p', {}, `${found.period}, ${found.currency}${others(found.otherCurrencies)}`),
    table(MARGIN_FIGURES, [found.overall]),
    element('p', {}, `Unattributed cost: ${money(found.unattributed.cogs, found.currency)}`),
    element('h3', {}, 'By tenant'),
    table<TenantMargin>([['Tenant', (each) => each.tenantId], ...MARGIN_FIGURES], found.byTenant),
    element('h3', {}, 'By deployment'),
    table<DeploymentMargin>(
      [
        ['Tenant', (each) => each.tenantId],
        ['Deployment', (each) => each.deploymentId ?? 'standalone'],
        ...MARGIN_FIGURES,
      ],
      found.byDeployment,
    ),
    element('h3', {}, 'Revenue by billing kind'),
    table<Margin['byKind']['revenue'][number]>(
      [
        ['Kind', (each) => each.billingKind],
        ['Revenue', (each) => each.revenue, 'figure'],
      ],
      found.byKind.revenue,
    ),
    element('h3', {}, 'Cost by kind'),
    table<Margin['byKind']['cogs'][number]>(
      [
        ['Kind', (each) => each.kind],
        ['Cost', (each) => each.cogs, 'figure'],
      ],
      found.byKind.cogs,
    ),
  ];
};

const accrual: View = async (parameters) => {
  const asked = { at: parameters.get('at'), currency: parameters.get('currency') };
  const found = await ask('accrual', { parameters: asked });
  const amount = (value: string): string => money(value, found.currency);
  const figures: Column<AccruedFigures>[] = [
    ['Accrued', (each) => amount(each.accrued), 'figure'],
    ['Issued', (each) => amount(each.issued), 'figure'],
    ['Unbilled', (each) => amount(each.unbilled), 'figure'],
    ['Due at the end', (each) => amount(each.dueAtPeriodEnd), 'figure'],
  ];
  const lines = found.subscriptions.flatMap(({ subscriptionId, lines: of }) =>
    of.map((line) => ({ subscriptionId, ...line })),
  );
  return [
    element('h2', {}, 'Accrual'),
    choice('accrual', [
      { name: 'at', label: 'At (RFC 3339)', type: 'text', value: found.at },
      { name: 'currency', label: 'Currency', type: 'text', value: found.currency },
    ]),
    element('p', {}, `Unbilled of the open periods: ${amount(found.unbilled)}${others(found.otherCurrencies)}`),
    table(figures, [found]),
    element('h3', {}, 'By subscription'),
    table<Accrual['subscriptions'][number]>(
      [
        ['Subscription', (each) => each.subscriptionId],
        ['Tenant', (each) => each.tenantId],
        ['Deployment', (each) => each.deploymentId],
        ...figures,
      ],
      found.subscriptions,
    ),
    element('h3', {}, 'By line'),
    table<(typeof lines)[number]>(
      [
        ['Subscription', (each) => each.subscriptionId],
        ['Kind', (each) => each.billingKind],
        ...figures,
        ['Not rated', (each) => each.quarantine?.message ?? ''],
      ],
      lines,
    ),
  ];
};

const VIEWS = { projections, tenants, invoices, resources, margin, accrual, explain };
const isView = (name: string): name is keyof typeof VIEWS => Object.hasOwn(VIEWS, name);

/** Counts the requested views. A late response for an earlier view is dropped. */
let asked = 0;

async function show(): Promise<void> {
  const [name = '', query = ''] = location.hash.slice(1).split('?');
  const view = isView(name) ? name : 'projections';
  asked += 1;
  const turn = asked;
  byId('stale').hidden = true;
  for (const each of document.querySelectorAll<HTMLAnchorElement>('#views a'))
    if (each.hash === `#${view}`) each.setAttribute('aria-current', 'page');
    else each.removeAttribute('aria-current');
  const content = await VIEWS[view](new URLSearchParams(query)).catch((error: unknown) => [problemBox(error)]);
  if (turn !== asked || token() === null) return;
  byId('view').replaceChildren(...element('div', {}, ...content).childNodes);
}

function signedIn(): void {
  const is = token() !== null;
  byId('views').hidden = !is;
  byId('sign-out').hidden = !is;
  byId('sign-in').hidden = is;
  if (is) void show();
}

byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  const input = byId('token');
  if (!(input instanceof HTMLInputElement)) return;
  sessionStorage.setItem(KEY, input.value.trim());
  input.value = '';
  signedIn();
});
byId('sign-out').addEventListener('click', () => {
  sessionStorage.removeItem(KEY);
  location.replace('/');
});
addEventListener('hashchange', () => {
  if (token() !== null) void show();
});
signedIn();
