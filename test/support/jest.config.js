/**
 * Runs all specs of a worker in one process, as plain Node modules that typescript.js compiles: what a spec imports is
 * loaded once, not again for each spec. There is no time limit, since a loaded machine is slow, not wrong.
 */
export default {
  rootDir: '../..',
  globalSetup: '<rootDir>/test/support/global-setup.js',
  globalTeardown: '<rootDir>/test/support/global-teardown.js',
  testMatch: ['libs', 'projections', 'apps', 'test'].map((root) => `<rootDir>/${root}/**/*.spec.ts`),
  runner: 'jest-light-runner/child-process',
  modulePathIgnorePatterns: ['<rootDir>/dist'],
};
