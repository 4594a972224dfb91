import fc from 'fast-check';

/** Items of `POST /usage` as JSON text: what JSON.stringify can't write is among them. */
export interface Sent {
  readonly text: string;
  /** What is recorded if it is accepted: its key, and its body. null: it must be rejected. */
  readonly recorded: { readonly key: string; readonly quantity: string } | null;
}

const two = (n: number): string => String(n).padStart(2, '0');
const hourOf = (n: number): string => `{"start":"2026-04-20T${two(n)}:00:00Z","end":"2026-04-20T${two(n + 1)}:00:00Z"}`;
const HOUR = hourOf(0);
const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

/** An observation of an hour of a resource, with fields that replace its own or are added. */
function observation(kind: string, more: Readonly<Record<string, string>> = {}): string {
  const fields = {
    deploymentId: '"acme-prod"',
    resourceId: '"hostile"',
    billingKind: JSON.stringify(kind),
    period: HOUR,
    granularity: '"hour"',
    quantity: '"1"',
    ...more,
  };
  return `{${Object.entries(fields)
    .map(([name, value]) => `${JSON.stringify(name)}:${value}`)
    .join(',')}}`;
}

const event = (kind: string, more: Readonly<Record<string, string>> = {}): string =>
  `{${Object.entries({
    specversion: '"1.0"',
    type: JSON.stringify(kind),
    id: '"e"',
    source: '"hostile"',
    subject: '"acme-prod"',
    time: '"2026-04-20T00:00:00Z"',
    ...more,
  })
    .map(([name, value]) => `${JSON.stringify(name)}:${value}`)
    .join(',')}}`;

const MANY_DIGITS = '9'.repeat(1_000_000);

/** Each is rejected by itself. */
export const hostile = (kind: string): readonly string[] => [
  ...['null', '[]', '[[]]', '{}', '1', 'true', '"text"', '[null]', '{"observations":[]}', '{"specversion":"1.0"}'],
  // Instants at the ends of the calendar, and outside.
  ...[
    '{"start":"9999-12-31T23:00:00Z","end":"9999-12-31T23:59:59.999999Z"}',
    '{"start":"9999-12-01T00:00:00Z","end":"9999-12-01T01:00:00Z"}',
    '{"start":"9999-12-31T23:00:00Z","end":"+010000-01-01T00:00:00Z"}',
    '{"start":"0001-01-01T00:00:00Z","end":"0001-01-01T01:00:00Z"}',
    '{"start":"0000-01-01T00:00:00Z","end":"0000-01-01T01:00:00Z"}',
    '{"start":"-000001-01-01T00:00:00Z","end":"0000-01-01T01:00:00Z"}',
    '{"start":"2026-04-31T00:00:00Z","end":"2026-04-31T01:00:00Z"}',
    '{"start":"2026-04-20T01:00:00Z","end":"2026-04-20T00:00:00Z"}',
    '{"start":"2026-04-20T00:30:00Z","end":"2026-04-20T01:30:00Z"}',
    '{"start":1776643200,"end":1776646800}',
    'null',
  ].map((period) => observation(kind, { period })),
  observation(kind, {
    granularity: '"event"',
    period: '{"start":"9999-12-31T00:00:00Z","end":"9999-12-31T00:00:01Z"}',
  }),
  // Quantities that are no decimals.
  ...[
    '"NaN"',
    '"Infinity"',
    '"-Infinity"',
    '1',
    '1e400',
    '"1e5"',
    '"0x10"',
    '"1,5"',
    '" 1"',
    '""',
    'null',
    '["1"]',
    '{}',
  ].map((quantity) => observation(kind, { quantity })),
  ...[`"${MANY_DIGITS}"`, `"0.${MANY_DIGITS}"`, MANY_DIGITS].map((quantity) => observation(kind, { quantity })),
  ...['"NaN"', '1e400', '0.30000000000000004', MANY_DIGITS].map((quantity) =>
    event(kind, { data: `{"quantity":${quantity}}` }),
  ),
  event(kind, { data: '{"quantity":"1","value":"2"}' }),
  // Too large, too deep.
  observation(kind, { attributes: `{"list":[${'1,'.repeat(150_000)}1]}` }),
  observation(kind, { attributes: `{"text":"${'x'.repeat(950_000)}"}` }),
  event(kind, { data: `{"text":"${'x'.repeat(950_000)}"}` }),
  ...[65, 10_000, 200_000].map((levels) => observation(kind, { attributes: nested(levels) })),
  event(kind, { data: nested(10_000) }),
  `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
  // Text that can't be stored.
  ...[
    '"r\\ud800"',
    '"r\\udc00x"',
    '"r\\u0000"',
    '"r\\n"',
    '"e\u0301"',
    '"\u202eabc"',
    '"a\\u200bb"',
    '""',
    `"${'x'.repeat(513)}"`,
    `"${'é'.repeat(300)}"`,
    '7',
    '{}',
  ].map((resourceId) => observation(kind, { resourceId })),
  observation(kind, { attributes: '{"a":"\\u0000"}' }),
  observation(kind, { attributes: '{"\\ud800":"a"}' }),
  event(kind, { id: '"\\ud83d"' }),
  event(kind, { id: `"${'ä'.repeat(256)}"`, source: `"${'ä'.repeat(256)}"` }),
  event(kind, { time: '"9999-12-31T23:59:59.999999Z"' }),
  event(kind, { time: '"0001-01-01T00:00:00Z"' }),
  event(kind, { time: '1776643200' }),
  // Keys that would change prototypes.
  observation(kind, { ['__proto__']: '{"quantity":"9"}' }),
  observation(kind, { attributes: '{"__proto__":{"polluted":"yes"}}' }),
  event(kind, { data: '{"__proto__":{"polluted":"yes"}}' }),
  observation(kind, { constructor: '{"prototype":{"polluted":"yes"}}' }),
  // Deployments that are none.
  ...['"nobody"', '""', '"acme-prod\\u0000"', '"ACME-PROD"', '"acme-prod "', 'null', '["acme-prod"]'].map(
    (deploymentId) => observation(kind, { deploymentId }),
  ),
  observation(kind, { surplus: '1' }),
  observation(kind, { quantity: '"1","quantity":"1"' }),
  observation(kind, { attributes: '{"a":[{"b":1,"b":1}]}' }),
  event(kind, { data: '{"quantity":"1","quantity":"2"}' }),
];

const NUMBER_OF_HOSTILE = hostile('').length;

/** An item of a random batch. It has no text: a failing property would print a million digits. */
type Drawn =
  | { readonly hostile: number }
  | { readonly resource: string; readonly hour: number; readonly quantity: string; readonly twice: boolean }
  | { readonly id: string; readonly quantity: string };

/** Readings of a few resources and hours, and a few events: many have the same key, some with another quantity. */
export const drawnBatch: fc.Arbitrary<readonly Drawn[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        resource: fc.constantFrom('r', 'é', 'е', '例', '\u{1f9fe}', 'hasOwnProperty'),
        hour: fc.integer({ min: 0, max: 1 }),
        quantity: fc.constantFrom('1', '2', '0.000000000001', '-3'),
        twice: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ id: fc.constantFrom('1', '2', '\u{1f9fe}'), quantity: fc.constantFrom('1', '2.5') }),
    },
    { weight: 2, arbitrary: fc.record({ hostile: fc.nat({ max: NUMBER_OF_HOSTILE - 1 }) }) },
  ),
  { minLength: 1, maxLength: 10 },
);

/** The items of a batch that are of this billing kind. */
export function itemsOf(batch: readonly Drawn[], kind: string): readonly Sent[] {
  const texts = hostile(kind);
  return batch.map((drawn): Sent => {
    if ('hostile' in drawn) return { text: texts[drawn.hostile] ?? 'null', recorded: null };
    const { quantity } = drawn;
    if ('id' in drawn) {
      const source = `source ${drawn.id}`;
      return {
        text: event(kind, {
          id: JSON.stringify(`${kind} ${drawn.id}`),
          source: JSON.stringify(source),
          data: `{"quantity":${quantity}}`,
        }),
        recorded: { key: `${source} 2026-04-20T00:00:00Z`, quantity },
      };
    }
    const { resource, hour, twice } = drawn;
    return {
      text: observation(kind, {
        resourceId: JSON.stringify(resource),
        period: hourOf(hour),
        // Parsers differ in which of two equal names counts.
        quantity: twice ? `"77","quantity":"${quantity}"` : `"${quantity}"`,
        attributes: '{"constructor":{"prototype":{"a":1}},"toString":"x"}',
      }),
      recorded: twice ? null : { key: `${resource} 2026-04-20T${two(hour)}:00:00Z`, quantity },
    };
  });
}
