import { defineConfig } from 'vite';

/** `%NONCE%` in the page is for the API to fill in. */
export default defineConfig({
  root: import.meta.dirname,
  base: '/console/',
  build: {
    // `apps/build.ts` gives a folder outside this one, which is new.
    emptyOutDir: false,
    assetsInlineLimit: 0,
    // Swagger UI is one file of 1.5 MB, for the page of the API docs alone. What the console loads has a test.
    chunkSizeWarningLimit: 1600,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: ['index.html', 'reference.html', 'graphiql.html'].map((page) => `${import.meta.dirname}/${page}`),
      // Packages of React mark what runs in a browser: here everything does.
      onLog: (level, log, handle) => {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log);
      },
    },
  },
});
