import { useEffect } from 'react';
import {
  keepPreviousData,
  useInfiniteQuery,
  type UseInfiniteQueryResult,
  useQueries,
  useQuery,
  type UseQueryResult,
} from '@tanstack/react-query';
import type { Ledgerline } from '../../../clients/typescript/ledgerline.ts';
import { useInstant, useMoment } from './moment.ts';
import { useSession } from './session.tsx';

type Questions = {
  [
    Name in keyof Ledgerline as Ledgerline[Name] extends (question: never) => Promise<unknown> ? Name : never
  ]: Ledgerline[Name] extends (question: infer Question) => Promise<infer Answer>
    ? { readonly question: Question; readonly answer: Answer }
    : never;
};

/** Queries that rate what is open. Each takes the instant up to which it rates: without one, that is now. */
const RATING: readonly (keyof Questions)[] = ['accrual', 'credits', 'daysToMeter', 'explain', 'line', 'lines'];

/** What a question says of the moment of the page: what was known then, rated up to then. It may say otherwise. */
function useAsked(name: keyof Questions): { readonly asOf: string | undefined; readonly at?: string } {
  const { asOf } = useMoment();
  const at = useInstant();
  return { asOf, ...(at !== undefined && RATING.includes(name) ? { at } : {}) };
}

type Asking<Question> = (question: Question) => Promise<unknown>;

/**
 * The answer of a query at the moment of the page. `question` null: no request is sent. `now`: the answer is as of now,
 * whatever the moment of the page. `keptMs`: a younger answer is used again, unless a command was sent since. `grows`:
 * the answer before is shown until that of another question is there.
 */
export function useAnswer<Name extends keyof Questions>(
  name: Name,
  question: Questions[Name]['question'] | null,
  options: {
    readonly now?: boolean;
    readonly everyMs?: number;
    readonly keptMs?: number;
    readonly grows?: boolean;
  } = {},
): UseQueryResult<Questions[Name]['answer']> {
  const { client } = useSession();
  const moment = useAsked(name);
  return useQuery({
    ...asked(client, name, question, options.now === true ? {} : moment),
    enabled: question !== null,
    refetchInterval: options.everyMs ?? false,
    ...(options.keptMs === undefined ? {} : { staleTime: options.keptMs }),
    ...(options.grows === true ? { placeholderData: keepPreviousData } : {}),
  });
}

/** The same question at the same moment is one request. */
const asked = <Name extends keyof Questions>(client: Ledgerline, name: Name, question: unknown, moment: object) => ({
  queryKey: [name, question, moment],
  queryFn: async () =>
    (client[name] as Asking<unknown>).call(client, { ...moment, ...(question as object) }) as Promise<
      Questions[Name]['answer']
    >,
});

/** The answers of one query to several questions, once all are there, in their order. */
export function useAnswers<Name extends keyof Questions>(
  name: Name,
  questions: readonly Questions[Name]['question'][],
): {
  readonly data: readonly Questions[Name]['answer'][] | undefined;
  readonly error: Error | null;
  readonly refetch: () => Promise<unknown>;
} {
  const { client } = useSession();
  const moment = useAsked(name);
  const answers = useQueries({
    queries: questions.map((question) => asked(client, name, question, moment)),
  });
  const there = answers.flatMap(({ data }) => (data === undefined ? [] : [data]));
  return {
    data: there.length === questions.length ? there : undefined,
    error: answers.find(({ error }) => error !== null)?.error ?? null,
    refetch: async () => Promise.all(answers.map(async ({ refetch }) => refetch())),
  };
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}
type ItemOf<Name extends keyof Questions> = Questions[Name]['answer'] extends Page<infer Item> ? Item : never;

/** A page is large enough for most lists to be whole. */
const PAGE = 500;

/** A list at the moment of the page, page by page. `size`: fewer at a time, where each item is large. */
export function useList<Name extends keyof Questions>(
  name: Name,
  question: Omit<Questions[Name]['question'] & object, 'cursor' | 'limit' | 'asOf'>,
  size = PAGE,
): UseInfiniteQueryResult<readonly ItemOf<Name>[]> {
  const { client } = useSession();
  const moment = useAsked(name);
  return useInfiniteQuery({
    queryKey: [name, question, moment, 'list'],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam }) =>
      (client[name] as Asking<unknown>).call(client, {
        ...moment,
        ...question,
        limit: size,
        cursor: pageParam,
      }) as Promise<Page<ItemOf<Name>>>,
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
    select: ({ pages }) => pages.flatMap(({ items }) => items),
  });
}

/** Asks for all further pages of a list, one after another. */
export function useEveryPage({
  hasNextPage,
  isFetching,
  error,
  fetchNextPage,
}: Pick<UseInfiniteQueryResult, 'hasNextPage' | 'isFetching' | 'error' | 'fetchNextPage'>): void {
  useEffect(() => {
    if (hasNextPage && !isFetching && error === null) void fetchNextPage();
  }, [hasNextPage, isFetching, error, fetchNextPage]);
}

/** A list once all its pages are there, for what is chosen from, or made of, all of them. */
export function useWholeList<Name extends keyof Questions>(
  name: Name,
  question: Parameters<typeof useList<Name>>[1],
): Pick<UseInfiniteQueryResult<readonly ItemOf<Name>[]>, 'data' | 'error' | 'refetch'> {
  const list = useList(name, question);
  useEveryPage(list);
  return { data: list.hasNextPage ? undefined : list.data, error: list.error, refetch: list.refetch };
}

/** Asks a query at the moment of the page, where a person wants it. Errors: those of the API. */
export function useAsk<Name extends keyof Questions>(
  name: Name,
): (question: Questions[Name]['question']) => Promise<Questions[Name]['answer']> {
  const { client } = useSession();
  const moment = useAsked(name);
  return async (question) => asked(client, name, question, moment).queryFn();
}
