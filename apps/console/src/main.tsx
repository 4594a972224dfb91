import '@mantine/core/styles.css';
import '@mantine/dates/styles.css';
import './style.css';
import { createTheme, MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';
import { Router } from 'wouter';
import { LedgerlineProblem } from '../../../clients/typescript/runtime.ts';
import { Console } from './console.tsx';
import { SessionProvider } from './session.tsx';

const root = document.getElementById('console');
if (root === null) throw new Error('the page has no element "console"');
const nonce = document.querySelector<HTMLMetaElement>('meta[name=style-nonce]')?.content ?? '';

/** Colors dark enough for white text on them, and no motion for those who ask for less. */
const theme = createTheme({ primaryShade: { light: 8, dark: 8 }, respectReducedMotion: true });

const answers = new QueryClient({
  defaultOptions: {
    queries: {
      // What was asked a moment ago is not asked again when a page is left and entered.
      staleTime: 5000,
      // A check of the whole ledger is not repeated because someone comes back to the tab.
      refetchOnWindowFocus: false,
      // The client retries by itself. A refusal stays a refusal.
      retry: (failures, error) => failures < 1 && !(error instanceof LedgerlineProblem),
    },
  },
});

createRoot(root).render(
  <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
    <QueryClientProvider client={answers}>
      <SessionProvider>
        <Router base="/console">
          <Console />
        </Router>
      </SessionProvider>
    </QueryClientProvider>
  </MantineProvider>,
);
