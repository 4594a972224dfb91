import { fromMicros, type Instant, micros } from '#domain/time/instant';
import type { Cells } from '../rows/cells.js';
import type { Preset } from './preset.js';
import { chargePeriod, type CostItem, given, keyOf } from './costs.js';

const PROVIDER = 'digitalocean';
const LAST_SECOND = /:59$/;

/**
 * Some rows end in the last second of the month, `23:59:59`, others at the start of the next month. Both mean the
 * latter.
 */
function endOf(cells: Cells, field: string): Instant {
  const end = cells.instant(field);
  if (!end.endsWith('T23:59:59Z')) return end;
  cells.note(
    'last_second',
    field,
    end.replace(LAST_SECOND, ':59'),
    'period ends in the last second of a day. Read as the end of the day.',
  );
  return fromMicros(micros(end) + 1_000_000n);
}

/** `$10.00`, `-$5.00`, `($5.00)`. */
function amountOf(cells: Cells, field: string): string {
  const written = cells.text(field);
  const plain = written
    .replace(/^\((.*)\)$/, '-$1')
    .replace(/^(-?)\$(-?)/, '$1$2')
    .replace(/,(?=\d{3}(\D|$))/g, '');
  return cells.asDecimal(field, plain);
}

const categoryOf = (product: string, amount: string): 'tax' | 'credit' | 'usage' => {
  if (/^tax(es)?$/i.test(product)) return 'tax';
  return amount.startsWith('-') || /^(credits?|promotional)/i.test(product) ? 'credit' : 'usage';
};

/**
 * An invoice as exported by DigitalOcean's console. It has no line ids: a line is identified by its product and its
 * start.
 */
export const digitalOceanInvoiceCsv: Preset<CostItem> = {
  name: 'digitalocean-invoice',
  kind: 'costs',
  fields: [
    { name: 'product', columns: ['product'], isRequired: true },
    { name: 'group', columns: ['group_description'] },
    { name: 'description', columns: ['description'], isRequired: true },
    { name: 'start', columns: ['start'], isRequired: true },
    { name: 'end', columns: ['end'], isRequired: true },
    { name: 'amount', columns: ['USD'], isRequired: true },
    { name: 'project', columns: ['project_name'] },
    { name: 'invoiceRef', columns: ['invoiceRef'] },
    { name: 'resourceId', columns: ['resourceId'] },
    { name: 'tenantId', columns: ['tenantId'] },
  ],
  recognises: (columns) => ['product', 'description', 'start', 'end', 'USD'].every((name) => columns.has(name)),
  zone: 'Z',
  isLenient: true,
  read: (cells) => invoiceLine(cells, [cells.optional('group'), cells.optional('project')]),
};

/** Items of an invoice, as the API lists them (`/v2/customers/my/invoices/…`). */
export const digitalOceanInvoiceItems: Preset<CostItem> = {
  name: 'digitalocean-invoice-items',
  kind: 'costs',
  fields: [
    { name: 'product', columns: ['product'], isRequired: true },
    { name: 'group', columns: ['group_description'] },
    { name: 'description', columns: ['description'] },
    { name: 'start', columns: ['start_time'], isRequired: true },
    { name: 'end', columns: ['end_time'], isRequired: true },
    { name: 'amount', columns: ['amount'], isRequired: true },
    { name: 'project', columns: ['project_name'] },
    { name: 'invoiceRef', columns: ['invoiceRef'] },
    { name: 'resourceId', columns: ['resource_id', 'resource_uuid'] },
    { name: 'tenantId', columns: ['tenantId'] },
  ],
  recognises: (columns) => ['product', 'amount', 'start_time', 'end_time'].every((name) => columns.has(name)),
  zone: 'Z',
  isLenient: true,
  read: (cells) => invoiceLine(cells, [cells.optional('group')]),
};

/** `distinguishing`: differs between lines of one product and description. It becomes part of the key. */
function invoiceLine(cells: Cells, distinguishing: readonly (string | undefined)[]): CostItem {
  const [start, product, description] = [cells.instant('start'), cells.id('product'), cells.optional('description')];
  const amount = amountOf(cells, 'amount');
  const resourceId = cells.optionalId('resourceId');
  // An invoice covers a month, and its file has no number.
  const invoiceId = cells.optionalId('invoiceRef');
  const invoiceRef = invoiceId ?? start.slice(0, 7);
  return {
    provider: PROVIDER,
    delivery: invoiceRef,
    invoiceRef,
    line: {
      kind: product,
      chargePeriod: chargePeriod(cells, start, endOf(cells, 'end')),
      amount,
      currency: 'USD',
      category: categoryOf(product, amount),
      ...given({ resourceId, tenantId: cells.optionalId('tenantId'), description }),
      focus: given({ InvoiceId: invoiceId }),
    },
    key: keyOf(product, resourceId, description, ...distinguishing, start),
    isOwnId: false,
  };
}
