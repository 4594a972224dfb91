/** The runtime of the generated client: requests, refusals, and retries. */

export interface ClientOptions {
  /** `http://127.0.0.1:3000` */
  readonly url: string;
  readonly token: string;
  /**
   * Number of retries of a request that was refused under load (429, 503) or got no response. Default: 5. Retrying is
   * safe.
   */
  readonly retries?: number;
  /** Called with the headers of each response. `ledgerline-stale` says why an answer lacks what was recorded last. */
  readonly onHeaders?: (headers: Headers) => void;
}

/** A refusal as the API reports it (RFC 9457). `code` is stable, and `errors` has the faulty fields. */
export class LedgerlineProblem extends Error {
  override readonly name = 'LedgerlineProblem';
  readonly status: number;
  readonly code: string;
  readonly errors: readonly { readonly field: string; readonly message: string }[];

  constructor({
    status,
    code,
    detail,
    errors,
  }: {
    status: number;
    code: string;
    detail: string;
    errors: readonly { field: string; message: string }[];
  }) {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

export interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

const SHED = [429, 503];
const FIRST_WAIT_MS = 200;

export class Requester {
  /** A function, so that a logged client does not show its token. */
  private readonly options: () => ClientOptions;

  constructor(options: ClientOptions) {
    this.options = () => options;
  }

  /** Errors: LedgerlineProblem, or fetch's TypeError if there is no response after all retries. */
  async send<Answer>(call: Call): Promise<Answer> {
    const { retries = 5 } = this.options();
    for (let attempt = 0; ; attempt += 1) {
      try {
        const response = await this.fetch(call);
        this.options().onHeaders?.(response.headers);
        if (response.ok) return (await answerOf(response)) as Answer;
        const problem = await problemOf(response);
        if (!SHED.includes(response.status) || attempt >= retries) throw problem;
        await wait(Number(response.headers.get('retry-after') ?? '0') * 1000 || FIRST_WAIT_MS * 2 ** attempt);
      } catch (error) {
        if (error instanceof LedgerlineProblem || attempt >= retries) throw error;
        await wait(FIRST_WAIT_MS * 2 ** attempt);
      }
    }
  }

  private fetch({ method, path, query = {}, body }: Call): Promise<Response> {
    const { url: base, token } = this.options();
    const url = new URL(path, base);
    for (const [name, value] of Object.entries(query))
      for (const each of Array.isArray(value) ? (value as unknown[]) : [value])
        if (each !== undefined) url.searchParams.append(name, typeof each === 'string' ? each : JSON.stringify(each));
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    if (body !== undefined) headers['content-type'] = 'application/json';
    return fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  }
}

/** A document is a text. All other answers are JSON. */
const answerOf = async (response: Response): Promise<unknown> =>
  response.headers.get('content-type')?.startsWith('text/') === true ? response.text() : response.json();

async function problemOf(response: Response): Promise<LedgerlineProblem> {
  const text = await response.text();
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json') === true;
  return new LedgerlineProblem(
    isProblem
      ? (JSON.parse(text) as ConstructorParameters<typeof LedgerlineProblem>[0])
      : {
          status: response.status,
          code: 'no_problem',
          detail: `${response.status} ${response.statusText}`,
          errors: [],
        },
  );
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Every item of a list, page by page, all as of the same log position. `page` requests the page at a cursor. undefined:
 * the first page.
 */
export async function* everyItem<Item>(
  page: (
    cursor: string | undefined,
  ) => Promise<{ readonly items: readonly Item[]; readonly nextCursor: string | null }>,
): AsyncGenerator<Item> {
  for (let cursor: string | null | undefined; cursor !== null;) {
    const { items, nextCursor } = await page(cursor);
    yield* items;
    cursor = nextCursor;
  }
}
