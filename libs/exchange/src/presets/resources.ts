import type { Preset } from './preset.js';
import { given } from './costs.js';
import { jsonIn, storable } from '../rows/cell-json.js';
import { RowFault } from '../rows/row.js';

/** The command of a row, and the command that corrects an earlier delivery. null: it can't be corrected like this. */
export interface CommandItem {
  readonly command: Readonly<Record<string, unknown>>;
  /** The rows of a batch are carried out in this order (as text). */
  readonly order: string;
  readonly correction: Readonly<Record<string, unknown>> | null;
}

const LIST = '$list';

const seen = (fields: Readonly<Record<string, unknown>> & { readonly seenAt: string }): CommandItem => ({
  command: { command: 'observe-resource', ...fields },
  order: fields.seenAt,
  correction: null,
});

/** An inventory with a column for each field of an observation. */
export const genericResources: Preset<CommandItem> = {
  name: 'resources',
  kind: 'resources',
  fields: [
    { name: 'provider', columns: ['provider'], isRequired: true },
    { name: 'providerId', columns: ['providerId', 'resourceId', 'id'], isRequired: true },
    { name: 'kind', columns: ['kind'], isRequired: true },
    { name: 'name', columns: ['name'] },
    { name: 'status', columns: ['status'], isRequired: true },
    { name: 'seenAt', columns: ['seenAt'], isRequired: true },
    ...['region', 'project', 'sizeSlug', 'sizeGb', 'tenantId', 'deploymentId', 'tags', 'attrs'].map((name) => ({
      name,
      columns: [name],
    })),
  ],
  recognises: () => true,
  read(cells) {
    const tags = tagsOf(cells.raw('tags'));
    return seen({
      provider: cells.id('provider'),
      providerId: cells.id('providerId'),
      kind: cells.id('kind'),
      name: cells.optional('name') ?? cells.id('providerId'),
      status: cells.id('status'),
      seenAt: cells.instant('seenAt'),
      ...given({
        region: cells.optional('region'),
        project: cells.optional('project'),
        sizeSlug: cells.optional('sizeSlug'),
        sizeGb: cells.optionalDecimal('sizeGb'),
        tenantId: cells.idOrTagged('tenantId', tags ?? []),
        deploymentId: cells.idOrTagged('deploymentId', tags ?? []),
        tags,
        attrs: cells.optionalObject('attrs'),
      }),
    });
  },
};

/** A list of texts. In a CSV cell: JSON, or separated by semicolons. */
function tagsOf(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value.map(String);
  if (typeof value !== 'string') throw notTags(value);
  if (!value.trim().startsWith('[')) return value.split(';').map((tag) => tag.trim());
  const list = storable('tags', jsonIn('tags', value));
  if (!Array.isArray(list)) throw notTags(value);
  return list.map(String);
}

const notTags = (value: unknown): RowFault => new RowFault('tags', value, 'must be a list such as ["web", "env:prod"]');

/** The lists of the API, and their kinds in the inventory. */
const KINDS: Readonly<Record<string, string>> = {
  droplets: 'droplet',
  snapshots: 'snapshot',
  volumes: 'volume',
  domains: 'dns_zone',
};

/**
 * Droplets, snapshots, volumes and domains as DigitalOcean's API lists them. A listing does not say when it was made: a
 * resource counts as seen at its creation, unless a mapping has `seenAt`. Domains have no time of their own and need
 * it.
 */
export const digitalOceanApi: Preset<CommandItem> = {
  name: 'digitalocean-api',
  kind: 'resources',
  fields: [
    { name: 'list', columns: [LIST], isRequired: true },
    { name: 'id', columns: ['id', 'name'] },
    { name: 'name', columns: ['name', 'id'] },
    { name: 'status', columns: ['status'] },
    { name: 'seenAt', columns: ['created_at'] },
    { name: 'region', columns: ['region.slug'] },
    { name: 'regions', columns: ['regions'] },
    { name: 'sizeSlug', columns: ['size_slug'] },
    { name: 'diskGb', columns: ['disk'] },
    { name: 'sizeGb', columns: ['size_gigabytes'] },
    { name: 'tags', columns: ['tags'] },
    { name: 'project', columns: ['project'] },
    { name: 'tenantId', columns: ['tenantId'] },
    { name: 'deploymentId', columns: ['deploymentId'] },
  ],
  recognises: (columns) => columns.has(LIST),
  read(cells) {
    const list = cells.text('list');
    const kind = KINDS[list];
    if (kind === undefined)
      throw new RowFault('list', list, `is not a list of resources. Known lists: ${Object.keys(KINDS).join(', ')}`);
    const tags = tagsOf(cells.raw('tags'));
    const regions = cells.raw('regions');
    const seenAt = cells.optionalInstant('seenAt');
    if (seenAt === undefined)
      throw new RowFault(
        'seenAt',
        null,
        'is missing. The listing has no time of its own. Give the time when it was made,' +
          ' {"values": {"seenAt": "2026-04-01T00:00:00Z"}}, in a mapping file (--map)',
      );
    return seen({
      provider: 'digitalocean',
      providerId: cells.id('id'),
      kind,
      name: cells.text('name'),
      // Only droplets have a status. All other listed resources are active.
      status: cells.optionalId('status') ?? 'active',
      seenAt,
      ...given({
        region: cells.optional('region') ?? (Array.isArray(regions) ? regions.map(String)[0] : undefined),
        project: cells.optional('project'),
        sizeSlug: cells.optional('sizeSlug'),
        sizeGb: cells.optionalDecimal(kind === 'droplet' ? 'diskGb' : 'sizeGb'),
        tenantId: cells.idOrTagged('tenantId', tags ?? []),
        deploymentId: cells.idOrTagged('deploymentId', tags ?? []),
        tags,
      }),
    });
  },
};
