import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useMemo, useState } from 'react';
import { Ledgerline } from '../../../clients/typescript/ledgerline.ts';

export type Role = 'platform_admin' | 'operator' | 'auditor' | 'tenant' | 'ingest';

/** Who is signed in, as the token says. The API decides what they may do: this only decides what is shown. */
export interface Session {
  readonly client: Ledgerline;
  readonly actor: string;
  readonly role: Role;
  /** null: all tenants. */
  readonly tenantId: string | null;
  /** When the token expires, in seconds since 1970. null: never. */
  readonly expires: number | null;
  readonly stale: Stale | null;
  readonly signOut: () => void;
}

/** The API answers without the events that were recorded from `since` on. */
export interface Stale {
  readonly since: string;
  readonly reason: string;
}

interface SignedOut {
  readonly session: null;
  /** Signs in with a token. Errors: a message for the person, if the API refuses the token. */
  readonly signIn: (token: string, remembered: boolean) => Promise<void>;
}
type Known = SignedOut | { readonly session: Session };

const KEY = 'ledgerline-token';
const Context = createContext<Known | null>(null);

/** Kept in this tab, or in all tabs of this browser if asked to. */
const kept = (): string | null => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);

interface Claims {
  readonly sub?: string;
  readonly role?: Role;
  readonly tenantId?: string;
  readonly exp?: number;
}

/** What a token says of its holder. null: it is no JSON Web Token. */
function claimsOf(token: string): Claims | null {
  const [, payload = ''] = token.split('.');
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (each) =>
      each.charCodeAt(0),
    );
    return JSON.parse(new TextDecoder().decode(bytes)) as Claims;
  } catch {
    return null;
  }
}

export function SessionProvider({ children }: { readonly children: ReactNode }) {
  const [token, setToken] = useState(kept);
  const [stale, setStale] = useState<Stale | null>(null);
  const answers = useQueryClient();
  const known = useMemo((): Known => {
    const claims = token === null ? null : claimsOf(token);
    if (token === null || claims?.role === undefined) return { session: null, signIn };
    const client = clientOf(token, (headers) => {
      setStale(staleOf(headers));
    });
    return {
      session: {
        client,
        actor: claims.sub ?? '',
        role: claims.role,
        tenantId: claims.tenantId ?? null,
        expires: claims.exp ?? null,
        stale,
        signOut() {
          sessionStorage.removeItem(KEY);
          localStorage.removeItem(KEY);
          forgetAnswers();
          setToken(null);
        },
      },
    };
    async function signIn(given: string, remembered: boolean): Promise<void> {
      const told = given.trim();
      if (claimsOf(told)?.role === undefined) throw new Error('This is not a token of Ledgerline. Paste all of it.');
      await clientOf(told, () => undefined).tenants({ limit: 1 });
      (remembered ? localStorage : sessionStorage).setItem(KEY, told);
      forgetAnswers();
      setToken(told);
    }
    /** What one person was answered, the next one may not see. */
    function forgetAnswers(): void {
      void answers.cancelQueries();
      answers.clear();
      setStale(null);
    }
  }, [token, stale, answers]);
  return <Context value={known}>{children}</Context>;
}

const clientOf = (token: string, onHeaders: (headers: Headers) => void): Ledgerline =>
  new Ledgerline({ url: location.origin, token, retries: 2, onHeaders });

function staleOf(headers: Headers): Stale | null {
  const since = headers.get('ledgerline-stale-since');
  return since === null ? null : { since, reason: headers.get('ledgerline-stale') ?? '' };
}

export function useKnown(): Known {
  const known = useContext(Context);
  if (known === null) throw new Error('there is no SessionProvider');
  return known;
}

/** Only for what is shown to someone who is signed in. */
export function useSession(): Session {
  const { session } = useKnown();
  if (session === null) throw new Error('nobody is signed in');
  return session;
}

/** Whether the signed-in role sees all tenants, and the events behind amounts. */
export const useIsStaff = (): boolean => useMay('platform_admin', 'operator', 'auditor');

/** Whether the signed-in role may do something. */
export const useMay = (...roles: readonly Role[]): boolean => roles.includes(useSession().role);
