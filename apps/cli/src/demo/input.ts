import rates from './rates.json' with { type: 'json' };

/** A real price list with 1,025 rates: type, family, location, unit, unit price, basis, effective from. */
export const RATES = rates.map(([resourceType = '', resourceFamily = '', location = '', unit = '', ...rest]) => ({
  resourceType,
  resourceFamily,
  location,
  unit,
  unitPrice: rest[0] ?? '',
  basis: rest[1] ?? '',
  effectiveFrom: rest[2] ?? '',
}));

export const MARCH = '2026-03-01T00:00:00Z';
export const APRIL = { start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' };

const seen = (providerId: string, kind: string, deploymentId: string, seenAt: string, more: object = {}) => ({
  command: 'observe-resource',
  provider: 'digitalocean',
  providerId,
  kind,
  name: providerId,
  status: 'active',
  seenAt,
  deploymentId,
  ...more,
});

export const resourcesOfMarch = [
  ...['web-1', 'web-2'].map((id) =>
    seen(id, 'droplet', 'platform', MARCH, { sizeSlug: 's-1vcpu-1gb', region: 'fra1' }),
  ),
  ...['example.com', 'example.org'].map((id) => seen(id, 'dns_zone', 'platform', MARCH)),
  ...['snap-1', 'snap-2', 'snap-3'].map((id) => seen(id, 'snapshot', 'platform', MARCH, { sizeGb: '16' })),
];

export const pilotDroplets = ['pilot-1', 'pilot-2', 'pilot-3', 'pilot-4', 'pilot-5'].map((id) =>
  seen(id, 'droplet', 'pilot-site', APRIL.start, { sizeSlug: 's-1vcpu-1gb', region: 'fra1' }),
);

export const STUDIO = {
  command: 'publish-plan',
  planId: 'studio',
  name: 'Studio',
  currency: 'USD',
  baseFee: '50.00',
  paymentTerm: 'in_advance',
  effectiveFrom: '2026-01-01T00:00:00Z',
  items: [
    { billingKind: 'droplet_hours', included: '1488', price: { model: 'unit', unitAmount: '0.01' } },
    { billingKind: 'dns_zones', included: '10', price: { model: 'unit', unitAmount: '0.10' } },
    { billingKind: 'snapshot_gb_month', included: '100', price: { model: 'unit', unitAmount: '0.06' } },
    { billingKind: 'droplet_backup_gb_month', included: '100', price: { model: 'unit', unitAmount: '0.06' } },
    { billingKind: 'spaces_gb_month', included: '250', price: { model: 'unit', unitAmount: '0.02' } },
  ],
};

const charge = (lineKey: string, kind: string, amount: string, more: object = {}) => ({
  lineKey,
  kind,
  chargePeriod: APRIL,
  amount,
  currency: 'USD',
  category: 'usage',
  ...more,
});

/** The pilot's droplets cost 4 × 6.00 + 6.53 = 30.53. The rest, 40.00 + 16.39 = 56.39, belongs to no tenant. */
export const PILOT_COSTS = {
  command: 'record-cost',
  provider: 'digitalocean',
  invoiceRef: '2026-04',
  lines: [
    ...['pilot-1', 'pilot-2', 'pilot-3', 'pilot-4'].map((id) => charge(id, 'droplet', '6.00', { resourceId: id })),
    charge('pilot-5', 'droplet', '6.53', { resourceId: 'pilot-5' }),
    charge('support', 'support', '40.00'),
    charge('volumes', 'volume', '16.39'),
  ],
};

/** The first days of a month: `2026-04-01`, `2026-04-02`, … */
export const daysOf = (month: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${month}-${String(index + 1).padStart(2, '0')}`);
