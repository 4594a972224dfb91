import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const PROJECTS = ['tsconfig.json', 'apps/api/src/console/browser/tsconfig.json'];
const specs = ['**/*.spec.ts', 'test/**/*.ts'];

/**
 * Time is passed in below apps (a spec may do as it likes): only the calendar knows Date, and it never asks the clock.
 */
const noClock = [
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'Time is passed in.' },
  { selector: 'CallExpression[callee.name="Date"]', message: 'Time is passed in.' },
  { selector: 'MemberExpression[object.name="Date"][property.name="now"]', message: 'Time is passed in.' },
  {
    selector: 'MemberExpression[object.name="Math"][property.name="random"]',
    message: 'Replay must equal live: no chance.',
  },
];

/** Money and quantities are exact decimals from end to end; the one rounding is money/decimal's. */
const exactDecimals = [
  {
    selector: 'CallExpression[callee.property.name="toNumber"]',
    message: 'Money and quantities stay decimals: a float is not exact.',
  },
  { selector: 'UnaryExpression[operator="+"]', message: 'Read decimals with decimal(): a float is not exact.' },
  {
    selector: 'MemberExpression[object.name="Math"][property.name=/^(round|floor|ceil|trunc|fround)$/]',
    message: 'Round decimals with round(), floor() or ceiling() of money/decimal.',
  },
  { selector: 'Literal[raw=/^\\d+\\.\\d/]', message: 'A fraction is a decimal(): a float is not exact.' },
];

const floats = ['Number', 'parseFloat', 'parseInt'].map((name) => ({
  name,
  message: 'Money and quantities are decimals: see money/decimal.',
}));
const globals = [
  'Date',
  'crypto',
  'fetch',
  'performance',
  'process',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
];
const outside = globals.map((name) => ({
  name,
  message: 'The domain and the projections are pure: no clock, no I/O. Pass in what they need.',
}));

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', '.ledgerline/']),
  { linterOptions: { noInlineConfig: true } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    // By name: a service that looks for the project of each file takes a fifth more.
    languageOptions: { parserOptions: { project: PROJECTS, tsconfigRootDir: process.cwd() } },
    rules: {
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', ...noClock],
      'object-shorthand': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // A `default` branch would answer for an event type, a price model or an error kind that nobody has thought about
      // yet.
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        {
          allowDefaultCaseForExhaustiveSwitch: false,
          considerDefaultExhaustiveForUnions: false,
          requireDefaultForNonUnion: true,
        },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // `async` without `await` keeps a promise's promise: what throws in it is a rejection.
      '@typescript-eslint/require-await': 'off',
      // These are wrong where a signal is aborted during an await, in `withResolvers<void>()`, and on enums of
      // generated code.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      // Nest types its options as a class that nobody makes instances of.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  { files: ['libs/**/*.ts', 'projections/**/*.ts'], ignores: specs, rules: { 'no-console': 'error' } },
  { files: ['projections/**/*.ts'], ignores: specs, rules: { 'no-restricted-globals': ['error', ...outside] } },
  {
    files: ['libs/domain/src/**/*.ts'],
    ignores: specs,
    rules: { 'no-restricted-syntax': ['error', ...noClock, ...exactDecimals] },
  },
  {
    files: ['libs/domain/src/**/*.ts'],
    ignores: [...specs, 'libs/domain/src/time/**'],
    rules: { 'no-restricted-globals': ['error', ...floats, ...outside] },
  },
  {
    // The calendar counts days and months in integers, and Date is its table of them.
    files: ['libs/domain/src/time/**/*.ts'],
    ignores: specs,
    rules: {
      'no-restricted-globals': ['error', ...outside.filter(({ name }) => name !== 'Date')],
      'no-restricted-syntax': ['error', ...noClock],
    },
  },
  // Nest's modules are classes with nothing but a decorator.
  {
    files: ['apps/**/*.ts'],
    rules: {
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      'no-restricted-syntax': 'off',
    },
  },
  { files: specs, rules: { 'no-restricted-syntax': 'off' } },
);
