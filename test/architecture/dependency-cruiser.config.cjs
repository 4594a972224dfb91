/** Who may import whom. Below, `$1` is what the first group of the rule's `from.path` matched. */
const spec = ['[.]spec[.]ts$', '^test/'];
const npm = (...names) => `^node_modules/(@types/)?(${names.join('|')})/`;

/** A root imports itself, the roots below it, and packages. */
const downwards = (root, below) => ({
  name: `${root.split('/').pop()}-imports-downwards`,
  comment: `${root} imports ${below.length === 0 ? 'no other root' : below.join(', ')}`,
  severity: 'error',
  from: { path: `^${root}/`, pathNot: spec },
  to: { path: '^(libs|projections|apps|test)/', pathNot: [root, ...below].map((name) => `^${name}/`) },
});

/** From the bottom up: a root imports itself and those before it. */
const FLOORS = [
  'libs/domain',
  'libs/postgres',
  'libs/event-store',
  'libs/transparency',
  'libs/read-model',
  'projections',
  'libs/ledger',
  'libs/runtime',
  'libs/billing',
  'libs/audit',
  'libs/exchange',
  'libs/operations',
];

module.exports = {
  forbidden: [
    {
      name: 'domain-is-pure',
      comment: 'The domain imports itself, big.js, zod, and hashes for derived ids: no framework, no I/O, no clock.',
      severity: 'error',
      from: { path: '^libs/domain/', pathNot: spec },
      to: { pathNot: ['^libs/domain/', npm('big[.]js', 'zod'), '^(node:)?crypto$'] },
    },
    ...FLOORS.map((root, floor) => downwards(root, FLOORS.slice(0, floor))),
    {
      name: 'projection-reads-tables',
      comment: 'Of another projection, only its tables: what it computes is in their rows. Its events are in the flow.',
      severity: 'error',
      from: { path: '^projections/([^/]+)/', pathNot: [...spec, '[.](read|trial)[.]ts$'] },
      to: { path: '^projections/', pathNot: ['^projections/$1/', '^projections/flow[.]ts$', '[.]table[.]ts$'] },
    },
    {
      name: 'reader-reads-tables',
      comment: 'A reader knows the database, the tables of others, and what they read themselves.',
      severity: 'error',
      from: { path: '^projections/([^/]+)/.*[.](read|trial)[.]ts$' },
      to: {
        path: '^projections/',
        pathNot: ['^projections/$1/', '[.](table|read)[.]ts$', '^projections/database[.]ts$'],
      },
    },
    {
      name: 'apps-stand-alone',
      comment: 'Apps share what is in libs; one starts another as a process.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'nest-stays-above',
      comment: 'Events, logs and read models work without a framework.',
      severity: 'error',
      from: { path: ['^libs/(domain|event-store|postgres|read-model|transparency)/', '^projections/'] },
      to: { path: npm('@nestjs') },
    },
    {
      name: 'no-cycles',
      comment: 'The flow goes one way.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'tests-are-not-imported',
      comment: 'What ships does not need a test to run.',
      severity: 'error',
      from: { path: '^(apps|libs|projections)/', pathNot: spec },
      to: { path: spec },
    },
    {
      name: 'no-dev-dependencies',
      comment: 'What ships runs without the packages for development: types are gone, and the console is built.',
      severity: 'error',
      from: { path: '^(apps|libs|projections)/', pathNot: [...spec, '^apps/rolldown', '^apps/console/'] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '^node_modules/@types/' },
    },
    {
      name: 'no-unlisted-packages',
      comment: 'A package that is not in package.json is there by chance.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'everything-resolves',
      comment: 'An import that is not found escapes all the other rules.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^dist/'] },
    tsConfig: { fileName: 'tsconfig.json' },
    // Imports of types count: they bind as much as others.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ['import', 'node', 'default', 'types'],
      exportsFields: ['exports'],
    },
  },
};
