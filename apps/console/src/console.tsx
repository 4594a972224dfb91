import { ActionIcon, Alert, Button, NavLink, Stack, Text, useMantineColorScheme } from '@mantine/core';
import { lazy, Suspense, useEffect } from 'react';
import { Link, Redirect, Route, Switch, useLocation } from 'wouter';
import { usePathname, useSearch } from 'wouter/use-browser-location';
import { isMoment, useHref, useMoment } from './moment.ts';
import { BackToNow } from './parts/back-to-now.tsx';
import { AtMoment } from './parts/at-moment.tsx';
import { Boundary } from './parts/boundary.tsx';
import { TimeMachine } from './parts/time-machine.tsx';
import { Search } from './parts/search.tsx';
import { type Role, type Session, useKnown, useSession } from './session.tsx';
import { SignIn } from './pages/sign-in.tsx';

/** A page is loaded when it is first shown. */
const page = <Name extends string>(name: Name, load: () => Promise<Readonly<Record<Name, React.ComponentType>>>) =>
  lazy(async () => ({ default: (await load())[name] }));

const STAFF: readonly Role[] = ['platform_admin', 'operator', 'auditor'];
const WRITERS: readonly Role[] = ['platform_admin', 'operator'];
const ADMIN: readonly Role[] = ['platform_admin'];
const ALL: readonly Role[] = [...STAFF, 'tenant'];

/** What a role may not see is not in the navigation, and is not asked for. */
const PAGES = [
  { path: '/home', title: 'Home', roles: STAFF, show: page('Home', () => import('./pages/home.tsx')) },
  { path: '/margin', title: 'Margin', roles: ADMIN, show: page('MarginPage', () => import('./pages/margin.tsx')) },
  { path: '/tenants', title: 'Tenants', roles: STAFF, show: page('Tenants', () => import('./pages/tenants.tsx')) },
  { path: '/overview', title: 'Overview', roles: ['tenant'], show: page('Own', () => import('./pages/tenant.tsx')) },
  { path: '/invoices', title: 'Invoices', roles: ALL, show: page('Invoices', () => import('./pages/invoices.tsx')) },
  { path: '/usage', title: 'Usage', roles: ALL, show: page('UsagePage', () => import('./pages/usage.tsx')) },
  { path: '/rates', title: 'Rates', roles: ALL, show: page('Rates', () => import('./pages/rates.tsx')) },
  { path: '/plans', title: 'Plans', roles: ALL, show: page('Plans', () => import('./pages/plans.tsx')) },
  { path: '/what-if', title: 'What if', roles: WRITERS, show: page('WhatIf', () => import('./pages/what-if.tsx')) },
  {
    path: '/projections',
    title: 'Projections',
    roles: STAFF,
    show: page('Projections', () => import('./pages/projections.tsx')),
  },
  { path: '/audit', title: 'Audit', roles: STAFF, show: page('Audit', () => import('./pages/audit.tsx')) },
  { path: '/settings', title: 'Settings', roles: ALL, show: page('Settings', () => import('./pages/settings.tsx')) },
] as const satisfies readonly { path: string; title: string; roles: readonly Role[]; show: React.ComponentType }[];

/** Pages of one thing. */
const DETAILS = [
  { path: '/tenants/:id', roles: STAFF, show: page('TenantPage', () => import('./pages/tenant.tsx')) },
  { path: '/invoices/:id', roles: ALL, show: page('InvoicePage', () => import('./pages/invoice.tsx')) },
  { path: '/explain/:id', roles: ALL, show: page('Explanation', () => import('./pages/explanation.tsx')) },
] as const;

const may = ({ role }: Session, roles: readonly Role[]): boolean => roles.includes(role);

export function Console() {
  const known = useKnown();
  return known.session === null ? <SignIn signIn={known.signIn} /> : <Shell session={known.session} />;
}

function Shell({ session }: { readonly session: Session }) {
  const pages = [...PAGES, ...DETAILS].filter(({ roles }) => may(session, roles));
  const [first] = PAGES.filter(({ roles }) => may(session, roles));
  const { asOf } = useMoment();
  const at = usePathname() + useSearch();
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Head />
      <nav className="nav" aria-label="Pages">
        <Navigation />
      </nav>
      <main className="main" id="main" tabIndex={-1}>
        {session.stale !== null && (
          <Alert color="orange" title={`Stale since ${session.stale.since}`} mb="md">
            What was recorded from then on can't be projected and is not shown. Check the reason on the page
            Projections.
          </Alert>
        )}
        <Boundary at={at}>
          {asOf !== undefined && !isMoment(asOf) ? (
            <NoSuchMoment />
          ) : (
            <AtMoment>
              <Suspense fallback={<Text c="dimmed">Loading</Text>}>
                <Switch>
                  {pages.map(({ path, show: Show }) => (
                    <Route key={path} path={path}>
                      <Show />
                    </Route>
                  ))}
                  <Route path="/">
                    <Redirect to={first?.path ?? '/settings'} />
                  </Route>
                  <Route>
                    <Text>There is no such page for your role. Choose one on the left.</Text>
                  </Route>
                </Switch>
              </Suspense>
            </AtMoment>
          )}
        </Boundary>
      </main>
    </div>
  );
}

function NoSuchMoment() {
  const { asOf } = useMoment();
  return (
    <BackToNow title="There is no such moment">
      {`${asOf} is no log position and no instant such as 2026-04-01T00:00:00Z.`}
    </BackToNow>
  );
}

function Navigation() {
  const session = useSession();
  const [location] = useLocation();
  const href = useHref();
  useEffect(() => {
    // On a narrow screen the pages are a row that is wider than it.
    document.querySelector('nav [aria-current=page]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [location]);
  return (
    <Stack gap={2}>
      {PAGES.filter(({ roles }) => may(session, roles)).map(({ path, title }) => (
        <NavLink
          key={path}
          component={Link}
          href={href(path)}
          label={title}
          active={location.startsWith(path)}
          aria-current={location.startsWith(path) ? 'page' : undefined}
        />
      ))}
    </Stack>
  );
}

function Head() {
  const session = useSession();
  const { colorScheme, toggleColorScheme } = useMantineColorScheme();
  return (
    <header className="head">
      <div className="head-row">
        <Text fw={800} fz="lg">
          Ledgerline
        </Text>
        <div className="head-find">
          <Search />
          <TimeMachine />
        </div>
        <div className="head-who">
          <Text size="sm">{session.actor}</Text>
          <ActionIcon
            variant="default"
            aria-label={colorScheme === 'dark' ? 'Use light colors' : 'Use dark colors'}
            onClick={toggleColorScheme}
          >
            ◐
          </ActionIcon>
          <Button size="xs" variant="default" onClick={session.signOut}>
            Sign out
          </Button>
        </div>
      </div>
    </header>
  );
}
