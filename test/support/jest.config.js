/** Jest runs the TypeScript sources as ES modules: the `source` condition of package.json's imports. */
export default {
  rootDir: '../..',
  globalSetup: '<rootDir>/test/support/global-setup.js',
  globalTeardown: '<rootDir>/test/support/global-teardown.js',
  testMatch: ['libs', 'projections', 'apps', 'test'].map((root) => `<rootDir>/${root}/**/*.spec.ts`),
  extensionsToTreatAsEsm: ['.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testEnvironmentOptions: { customExportConditions: ['source', 'node', 'node-addons'] },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  // A machine loaded to many times its cores is slow, not wrong: the limit only ends what would never end.
  testTimeout: 900_000,
};
