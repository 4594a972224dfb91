import { useLocation, useSearchParams } from 'wouter';

/**
 * The moment that every page answers for: an instant of recording or a log position, in the address, so that a view
 * can be sent to someone. undefined: now.
 */
export function useMoment(): { readonly asOf: string | undefined; readonly set: (asOf: string | undefined) => void } {
  const [params, setParams] = useSearchParams();
  return {
    asOf: params.get('asOf') ?? undefined,
    set(asOf) {
      setParams((before) => {
        const next = new URLSearchParams(before);
        if (asOf === undefined) next.delete('asOf');
        else next.set('asOf', asOf);
        return next;
      });
    },
  };
}

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
  const [params, setParams] = useSearchParams();
  const set = (value: string): void => {
    setParams((before) => {
      const next = new URLSearchParams(before);
      next.set(name, value);
      return next;
    });
  };
  return [params.get(name) ?? unlessGiven, set];
}

export function useGo(): (path: string) => void {
  const [, navigate] = useLocation();
  const href = useHref();
  return (path) => {
    navigate(href(path));
  };
}
