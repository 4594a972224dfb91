import { defineConfig } from 'vite';

/** `%NONCE%` in the page is for the API to fill in. */
export default defineConfig({
  root: import.meta.dirname,
  base: '/console/',
  build: {
    assetsInlineLimit: 0,
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
