import { createContext, useContext } from 'react';
import { useLocation } from 'wouter';
import { navigate, usePathname, useSearch } from 'wouter/use-browser-location';

/**
 * The parameters of the address, and what changes one of them (undefined: it goes). They are read from the address
 * itself: what wouter answers is decoded once already, and a name with `%` in it would be decoded twice.
 */
function useParams(): readonly [URLSearchParams, (name: string, value: string | undefined) => void] {
  const search = useSearch();
  const change = (name: string, value: string | undefined): void => {
    const next = new URLSearchParams(location.search);
    if (value === undefined) next.delete(name);
    else next.set(name, value);
    navigate(`${location.pathname}${next.size === 0 ? '' : `?${next.toString()}`}`);
  };
  return [new URLSearchParams(search), change];
}

/**
 * The moment that every page answers for: an instant of recording or a log position, in the address, so that a view
 * can be sent to someone. undefined: now.
 */
export function useMoment(): { readonly asOf: string | undefined; readonly set: (asOf: string | undefined) => void } {
  const [params, change] = useParams();
  return {
    asOf: params.get('asOf') ?? undefined,
    set(asOf) {
      change('asOf', asOf);
    },
  };
}

/** The instant of the moment that pages answer for. undefined: now. `AtMoment` finds it. */
export const MomentInstant = createContext<string | undefined>(undefined);

/** The instant up to which amounts are rated. undefined: now, or a position whose instant the role can't see. */
export const useInstant = (): string | undefined => useContext(MomentInstant);

/** The time that pages are about: this month is its month. */
export function useNow(): Date {
  const instant = useInstant();
  return instant === undefined ? new Date() : new Date(instant);
}

/** Whether a text is the position of an event: the first one is 1. */
export const isEventPosition = (text: string): boolean => /^[1-9]\d{0,14}$/.test(text);

export const isPosition = (asOf: string): boolean => /^\d+$/.test(asOf);

/** Whether a text is a log position or an instant. Whether it was recorded by then, the API knows. */
export const isMoment = (asOf: string): boolean =>
  isPosition(asOf) || (/^\d{4}-\d{2}-\d{2}/.test(asOf) && !Number.isNaN(Date.parse(asOf)));

/** The address of another page at the same moment. */
export function useHref(): (path: string) => string {
  const { asOf } = useMoment();
  return (path) => {
    const [page = '', asked = ''] = path.split('?');
    const params = new URLSearchParams(asked);
    if (asOf !== undefined) params.set('asOf', asOf);
    return params.size === 0 ? page : `${page}?${params.toString()}`;
  };
}

/** A parameter of the address besides the moment, such as a month. */
export function useParam(name: string, unlessGiven: string): readonly [string, (value: string) => void] {
  const [params, change] = useParams();
  const set = (value: string): void => {
    change(name, value);
  };
  return [params.get(name) ?? unlessGiven, set];
}

/** A parameter of the address that is one of some. Where it is none of them, it counts as not given. */
export function useChoice<Choice extends string>(
  name: string,
  choices: readonly Choice[],
  unlessGiven: Choice,
): readonly [Choice, (value: string) => void] {
  const [value, set] = useParam(name, unlessGiven);
  return [choices.find((each) => each === value) ?? unlessGiven, set];
}

/** What a page is about: the last part of its address, such as the id of a tenant. */
export function useNamed(): string {
  const last = usePathname().replace(/\/+$/, '').split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last);
  } catch {
    // It was typed with a `%` that encodes nothing.
    return last;
  }
}

export function useGo(): (path: string) => void {
  const [, navigateTo] = useLocation();
  const href = useHref();
  return (path) => {
    navigateTo(href(path));
  };
}
