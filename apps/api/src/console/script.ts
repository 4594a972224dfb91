/**
 * The console's script, for the browser. It makes elements and sets their text: there is no way from data to markup in it.
 * Plain strings, since it is sent as it stands here.
 */
export const CONSOLE_SCRIPT = String.raw`
const byId = (id) => document.getElementById(id);

/** An element: its name (with classes), its attributes or properties, its children; text stays text. */
function element(name, properties, ...children) {
  const [tag, ...classes] = name.split('.');
  const made = document.createElement(tag);
  if (classes.length > 0) made.className = classes.join(' ');
  for (const [key, value] of Object.entries(properties ?? {}))
    key.startsWith('aria-') ? made.setAttribute(key, value) : (made[key] = value);
  made.append(
    ...children
      .flat()
      .filter((child) => child !== null && child !== undefined)
      .map((child) => (child instanceof Node ? child : String(child))),
  );
  return made;
}

const KEY = 'ledgerline-token';
const token = () => sessionStorage.getItem(KEY);

/** Answers of the API; a problem is thrown with its detail and field errors. */
async function ask(path, parameters) {
  const url = new URL('/api/v1/' + path, location.origin);
  for (const [key, value] of Object.entries(parameters ?? {})) if (value) url.searchParams.set(key, value);
  const response = await fetch(url, { headers: { authorization: 'Bearer ' + token() } });
  const body = await response.json().catch(() => ({ title: 'No answer that can be read', detail: 'HTTP ' + response.status, errors: [] }));
  if (!response.ok) throw Object.assign(new Error(body.detail), { problem: body });
  return body;
}

const problemBox = (error) =>
  element(
    'div.problem',
    { role: 'alert' },
    element('strong', {}, error.problem?.title ?? 'The API does not answer'),
    element('p', {}, error.message),
    error.problem?.errors?.length > 0
      ? element(
          'ul',
          {},
          error.problem.errors.map((each) => element('li', {}, each.field + ': ' + each.message)),
        )
      : null,
  );

/** Columns: [heading, value of a row, whether it is a figure]. */
const cells = (columns, row) => columns.map(([, value, figure]) => element(figure ? 'td.figure' : 'td', {}, value(row) ?? ''));
const headings = (columns) =>
  element(
    'thead',
    {},
    element(
      'tr',
      {},
      columns.map(([heading, , figure]) => element(figure ? 'th.figure' : 'th', { scope: 'col' }, heading)),
    ),
  );
const table = (columns, rows) =>
  rows.length === 0
    ? element('p.quiet', {}, 'None.')
    : element(
        'div.scroll',
        {},
        element(
          'table',
          {},
          headings(columns),
          element(
            'tbody',
            {},
            rows.map((row) => element('tr', {}, cells(columns, row))),
          ),
        ),
      );

/** A list, page by page. */
async function pages(path, parameters, columns) {
  const holder = element('div');
  const more = async (cursor) => {
    const { items, nextCursor } = await ask(path, { ...parameters, limit: '100', cursor });
    holder.append(table(columns, items));
    if (nextCursor === null) return;
    const button = element('button', { type: 'button' }, 'More');
    button.addEventListener('click', () => {
      button.remove();
      more(nextCursor).catch((error) => holder.append(problemBox(error)));
    });
    holder.append(button);
  };
  await more(null);
  return holder;
}

const day = (at) => (at ?? '').slice(0, 10);
const span = (period) =>
  period.start.replace('T00:00:00Z', '') + ' – ' + (period.end === null ? 'open' : period.end.replace('T00:00:00Z', ''));
const link = (hash, label) => element('a', { href: '#' + hash }, label);
const money = (amount, currency) => (amount === null || amount === undefined ? '' : amount + ' ' + currency);

async function projections() {
  const { items } = await ask('projections');
  return [
    element('h2', {}, 'Projections'),
    table(
      [
        ['Name', (each) => each.name],
        ['Version', (each) => each.version, true],
        ['Position', (each) => each.position, true],
        ['Head of the log', (each) => each.head, true],
        ['Lag', (each) => each.lag, true],
      ],
      items,
    ),
  ];
}

async function tenants() {
  return [
    element('h2', {}, 'Tenants'),
    await pages('tenants', {}, [
      ['Tenant', (each) => link('invoices?tenantId=' + encodeURIComponent(each.tenantId), each.tenantId)],
      ['Name', (each) => each.name ?? '(erased)'],
      ['Currency', (each) => each.currency],
      ['Time zone', (each) => each.timeZone],
      ['Taxes', (each) => (each.taxes ?? []).map((tax) => tax.name + ' ' + tax.ratePercent + ' % from ' + day(tax.from)).join(', ')],
    ]),
  ];
}

async function invoices(parameters) {
  const id = parameters.get('id');
  if (id !== null) return invoice(id);
  const tenantId = parameters.get('tenantId');
  return [
    element('h2', {}, tenantId === null ? 'Invoices' : 'Invoices of ' + tenantId),
    await pages('invoices', { tenantId }, [
      ['Invoice', (each) => link('invoices?id=' + encodeURIComponent(each.invoiceId), each.number ?? each.invoiceId)],
      ['Tenant', (each) => each.tenantId],
      ['Status', (each) => each.status],
      ['As of', (each) => each.asOf],
      ['Net', (each) => money(each.subtotal, each.currency), true],
      ['Tax', (each) => money(each.tax, each.currency), true],
      ['Total', (each) => money(each.total, each.currency), true],
    ]),
  ];
}

const lineColumns = [
  ['Line', (line) => line.billingKind + (line.correction ? ' (correction)' : '')],
  ['Period', (line) => span(line.period)],
  ['Deployment', (line) => line.deploymentId],
  ['Status', (line) => line.status ?? 'valid'],
  ['Quantity', (line) => line.quantity, true],
  ['Net', (line) => line.net, true],
];

const rowLine = (row) =>
  element(
    'tr.row',
    {},
    element('td', {}, row.ref),
    element(
      'td',
      { colSpan: 3 },
      [row.quantity + (row.unitAmount === undefined || row.unitAmount === null ? '' : ' × ' + row.unitAmount), row.reason]
        .filter(Boolean)
        .join(', '),
    ),
    element('td.figure', {}, row.gross),
    element('td.figure', {}, row.net),
  );

/** One invoice: a part stands under the line that it was cut from, its rows under it. */
async function invoice(id) {
  const found = await ask('invoices/' + encodeURIComponent(id));
  const families = Map.groupBy(found.lines, (line) => line.parentLineId ?? line.lineId);
  const body = element('tbody');
  for (const [parentId, family] of families) {
    const isSplit = family.some((line) => line.parentLineId !== null);
    if (isSplit) body.append(await parentRow(parentId, family));
    for (const line of family)
      body.append(element(line.parentLineId === null ? 'tr' : 'tr.part', {}, cells(lineColumns, line)), ...line.rows.map(rowLine));
  }
  return [
    element('h2', {}, 'Invoice ' + (found.number ?? found.invoiceId)),
    element('p', {}, found.tenantId + ', ' + found.status + ', as of ' + found.asOf + ', amounts in ' + found.currency),
    element('div.scroll', {}, element('table', {}, headings(lineColumns), body)),
    table(
      [
        ['Net', (each) => each.subtotal, true],
        ['Tax', (each) => each.tax, true],
        ['Total', (each) => each.total, true],
      ],
      [found],
    ),
    (found.quarantined ?? []).map((each) => element('p.problem', {}, element('strong', {}, 'Set aside: '), each.message ?? each.code)),
    element('p', {}, link('explain?id=' + encodeURIComponent(found.invoiceId), 'Explain, down to its events')),
  ];
}

/** The line that was cut is on no invoice itself: it groups its parts, of which this invoice may hold only some. */
async function parentRow(id, family) {
  const whole = await ask('lines/' + encodeURIComponent(id)).catch(() => null);
  const line = whole ?? { ...family[0], lineId: id, quantity: '', net: '' };
  const others = whole?.parts === undefined ? '' : 'split, ' + family.length + ' of ' + whole.parts.length + ' parts here';
  return element('tr.parent', {}, cells(lineColumns, { ...line, correction: false, status: others || 'split' }));
}

async function explain(parameters) {
  const id = parameters.get('id') ?? '';
  const answer = await ask('audit/explain/' + encodeURIComponent(id));
  return [element('h2', {}, 'Explain ' + id), element('pre', {}, JSON.stringify(answer, null, 2))];
}

async function resources() {
  return [
    element('h2', {}, 'Resources'),
    await pages('resources', {}, [
      ['Provider', (each) => each.provider],
      ['Id', (each) => each.providerId],
      ['Kind', (each) => each.kind],
      ['Name', (each) => each.name],
      ['Status', (each) => each.status],
      ['Tenant', (each) => each.tenantId],
      ['Deployment', (each) => each.deploymentId ?? 'standalone'],
      ['Last seen', (each) => each.lastSeenAt],
      ['Deleted', (each) => each.deletedAt],
    ]),
  ];
}

const marginFigures = [
  ['Revenue', (each) => each.revenue, true],
  ['Cost', (each) => each.cogs, true],
  ['Margin', (each) => each.margin, true],
  ['%', (each) => each.marginPct, true],
];

/** Today, where the operator sits: a suggestion only, the API is told the date. */
const today = () => new Date().toISOString().slice(0, 10);

function choice(view, fields) {
  const inputs = fields.map(([name, label, type, value]) => element('input', { name, type, value, 'aria-label': label }));
  const form = element(
    'form',
    {},
    inputs.map((input, index) => element('label', {}, fields[index][1] + ' ', input)),
    element('button', {}, 'Show'),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    location.hash = view + '?' + new URLSearchParams(inputs.map((input) => [input.name, input.value]));
  });
  return form;
}

async function margin(parameters) {
  const period = parameters.get('period') ?? today();
  const currency = parameters.get('currency') ?? 'USD';
  const found = await ask('dashboard/margin', { period, currency });
  return [
    element('h2', {}, 'Margin'),
    choice('margin', [
      ['period', 'Month that holds', 'date', period],
      ['currency', 'Currency', 'text', currency],
    ]),
    element(
      'p',
      {},
      (typeof found.period === 'string' ? found.period : span(found.period)) +
        ', ' +
        found.currency +
        (found.otherCurrencies.length > 0
          ? '; there is also ' + found.otherCurrencies.map((each) => each.currency ?? each).join(', ')
          : ''),
    ),
    table(marginFigures, [found.overall]),
    element('p', {}, 'Cost of no tenant: ' + money(found.unattributed.cogs, found.currency)),
    element('h3', {}, 'By tenant'),
    table([['Tenant', (each) => each.tenantId], ...marginFigures], found.byTenant),
    element('h3', {}, 'By deployment'),
    table(
      [['Tenant', (each) => each.tenantId], ['Deployment', (each) => each.deploymentId ?? 'standalone'], ...marginFigures],
      found.byDeployment,
    ),
    element('h3', {}, 'Revenue by billing kind'),
    table(
      [
        ['Kind', (each) => each.billingKind],
        ['Revenue', (each) => each.revenue, true],
      ],
      found.byKind.revenue,
    ),
    element('h3', {}, 'Cost by kind'),
    table(
      [
        ['Kind', (each) => each.kind],
        ['Cost', (each) => each.cogs, true],
      ],
      found.byKind.cogs,
    ),
  ];
}

async function accrual(parameters) {
  const at = parameters.get('at');
  const found = await ask('dashboard/accrual', { at });
  return [
    element('h2', {}, 'Accrual'),
    choice('accrual', [['at', 'At (RFC 3339)', 'text', found.at]]),
    element('p', {}, 'The open periods come to ' + money(found.total, found.currency) + ' so far.'),
    table(
      [
        ['Subscription', (each) => each.subscriptionId],
        ['Tenant', (each) => each.tenantId],
        ['Deployment', (each) => each.deploymentId],
        ['Lines', (each) => each.lines.length, true],
        ['Total', (each) => money(each.total, each.currency ?? found.currency), true],
      ],
      found.subscriptions,
    ),
  ];
}

const VIEWS = { projections, tenants, invoices, resources, margin, accrual, explain };

/** Counts the views that were asked for: a late answer to an earlier one is dropped. */
let asked = 0;

async function show() {
  const [name, query] = location.hash.slice(1).split('?');
  const view = Object.hasOwn(VIEWS, name) ? name : 'projections';
  const turn = (asked += 1);
  for (const each of document.querySelectorAll('#views a'))
    each.hash === '#' + view ? each.setAttribute('aria-current', 'page') : each.removeAttribute('aria-current');
  const content = await VIEWS[view](new URLSearchParams(query ?? '')).catch((error) => [problemBox(error)]);
  if (turn === asked && token() !== null) byId('view').replaceChildren(...content.flat());
}

function signedIn() {
  const is = token() !== null;
  byId('views').hidden = !is;
  byId('sign-out').hidden = !is;
  byId('sign-in').hidden = is;
  if (is) void show();
}

byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, byId('token').value.trim());
  byId('token').value = '';
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
`;
