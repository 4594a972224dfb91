/** A value of a field, by its name, for fields that no example of a command has. */
const EXAMPLES: Readonly<Record<string, unknown>> = {
  address: '1 Main Street, 10115 Berlin',
  anchor: '2026-04-15T00:00:00Z',
  attributes: { region: 'fra1' },
  attrs: { vcpus: 2 },
  basedOn: 1234,
  billingKinds: ['droplet_hours'],
  cancelledAt: '2026-06-01T00:00:00Z',
  capacity: '3000',
  class: 'correction',
  currencies: ['EUR'],
  days: 7,
  description: 'Droplet web-1, 720 hours',
  effectiveAmount: '5.40',

  email: 'billing@acme.example',
  factor: '1000000',
  filter: { region: 'fra1' },
  fixedAmount: '0.25',
  flatAmount: '5.00',
  focus: { ServiceName: 'Compute' },
  key: 'team',
  maximum: '500.00',
  minimum: '10.00',
  multiplier: '1.2',
  packageAmount: '2.00',
  packageSize: '1000',
  percentage: '50',
  planIds: ['studio'],
  precision: 0,
  priority: 1,
  project: 'web',
  projections: ['usage-records'],
  reason: 'as agreed with the customer',
  reference: 'bank transfer 4711',
  region: 'fra1',
  retentionDays: 400,
  rowId: '5b0c7c3e-7a55-5d0e-9a5c-3f1f8d5c2a10',
  since: '2026-04-01T00:00:00Z',
  sizeGb: '100',
  sizeSlug: 's-1vcpu-2gb',
  sourceId: 'request-1',
  subAttribution: { team: 'search' },
  thresholds: ['50', '80', '100'],
  subscriptionIds: ['sub-1'],
  tags: ['production'],
  taxNumber: 'DE123456789',
  uniqueBy: 'userId',
  until: '2027-01-01T00:00:00Z',
  upTo: '1000',
  value: 'platform',
};

/** The value of an example at the path of a field, such as `items[].price.model`. undefined: it has none. */
export const valueAt = (example: object, path: string): unknown =>
  within(
    example,
    path.split('.').flatMap((part) => [part.replaceAll('[]', ''), ...(part.match(/\[\]/g) ?? [])]),
  );

/** A value that some example has for a field of this name. undefined: there is none. */
export function valueNamed(examples: readonly object[], path: string): unknown {
  const name = path.split('.').at(-1)?.replaceAll('[]', '') ?? '';
  return EXAMPLES[name] ?? named(examples, name);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const first = <Item>(items: readonly Item[], find: (item: Item) => unknown): unknown =>
  items.map(find).find((found) => found !== undefined);

function within(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined) return value;
  if (step === '[]') return Array.isArray(value) ? first(value, (item) => within(item, rest)) : undefined;
  return isObject(value) && Object.hasOwn(value, step) ? within(value[step], rest) : undefined;
}

function named(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return first(value, (item) => named(item, name));
  if (!isObject(value)) return undefined;
  return Object.hasOwn(value, name) ? value[name] : first(Object.values(value), (each) => named(each, name));
}
