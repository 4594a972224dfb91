import { isRawNumber } from './raw-numbers.js';

type Fields = Readonly<Record<string, unknown>>;
export const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value);

/** The list of a provider's API response that contains an item: `droplets`, `invoice_items`, … */
const LIST = '$list';
const LISTS = ['droplets', 'snapshots', 'volumes', 'domains', 'invoice_items'];
/** What else such a response has. A row may have a list of one of these names too, beside its own fields. */
const BESIDE_LISTS: readonly string[] = [...LISTS, 'links', 'meta'];

/** Whether an object may be the response of an API instead of a row. It runs for every JSON line, so it is quick. */
export const mayBeAnswer = (value: Fields): boolean =>
  Array.isArray(value['data']) ||
  (isObject(value['data']) && 'resultType' in value['data']) ||
  LISTS.some((name) => name in value);

/** The items of an API's response. null: it is none that is known. */
export function itemsOf(value: unknown): Fields[] | null {
  if (!isObject(value)) return null;
  return listed(value) ?? allocations(value) ?? samples(value) ?? stripeList(value);
}

/** Of the lists of DigitalOcean, or of the named responses that contain them, as in files of examples. */
function listed(value: Fields): Fields[] | null {
  const lists = listsIn(value);
  if (lists.length > 0) return lists.flatMap(({ name, items }) => items.map((item) => listItem(name, item)));
  const nested = Object.values(value).flatMap((answer) =>
    isObject(answer) && listsIn(answer).length > 0 ? [listed(answer) ?? []] : [],
  );
  return nested.length === 0 ? null : nested.flat();
}

const listItem = (name: string, item: unknown): Fields => ({ ...(isObject(item) ? item : { '': item }), [LIST]: name });

interface ApiList {
  readonly name: string;
  readonly items: readonly unknown[];
}

const listsIn = (value: Fields): ApiList[] =>
  Object.keys(value).every((name) => BESIDE_LISTS.includes(name))
    ? LISTS.flatMap((name): ApiList[] => {
        const items = value[name];
        return Array.isArray(items) ? [{ name, items }] : [];
      })
    : [];

/** The lists of which an answer has a page. */
export const listNames = (value: Fields): readonly string[] =>
  [...LISTS, 'data'].filter((name) => Array.isArray(value[name]));

/** OpenCost and Kubecost: `data` is a list of windows, each an object with an allocation by name. */
function allocations({ data }: Fields): Fields[] | null {
  if (!Array.isArray(data)) return null;
  const found = data.flatMap((window: unknown) => (isObject(window) ? Object.values(window) : []));
  const items = found.filter((item): item is Fields => isObject(item) && 'window' in item && 'totalCost' in item);
  return items.length > 0 && items.length === found.length ? items : null;
}

/**
 * Prometheus: a row for each sample of `query_range` (a matrix) or `query` (a vector). What has no sample, such as a
 * native histogram or a scalar, is a row without a value, so that it is not lost unseen.
 */
function samples({ data }: Fields): Fields[] | null {
  if (!isObject(data) || !Array.isArray(data['result'])) return null;
  const result: unknown[] = data['result'];
  if (result.length > 0 && !result.some(isObject)) return [{ at: result[0] }];
  return result.filter(isObject).flatMap(({ metric, values, value, histogram, histograms }): Fields[] => {
    const isHistogram = (histogram ?? histograms) !== undefined;
    const read = [...(Array.isArray(values) ? (values as unknown[]) : []), ...(value === undefined ? [] : [value])];
    const samplesRead = read.map((sample): Fields => {
      const [at, number] = Array.isArray(sample) ? (sample as unknown[]) : [];
      return { metric, at, value: number };
    });
    return isHistogram ? [...samplesRead, { metric }] : samplesRead;
  });
}

/** Stripe's lists: `{"object": "list", "data": […]}`. */
const stripeList = ({ object, data }: Fields): Fields[] | null =>
  object === 'list' && Array.isArray(data) ? data.filter(isObject) : null;

/** The lists of large responses, by the keys that lead to them. */
export const LISTS_OF_ANSWERS: readonly (readonly string[])[] = [
  ...LISTS.map((name) => [name]),
  ['data'],
  ['data', 'result'],
];

/** A list of a response: the keys that lead to it, and the rows of one of its items. */
export interface ListOfAnswer {
  readonly path: readonly string[];
  readonly rows: (item: unknown) => readonly Fields[];
}

/**
 * The lists whose items are the rows of a response, in the order of `itemsOf`. `rest`: the response with empty lists.
 * `areAllocations`: whether each object in `data` has only allocations, and there is one. null: none is known, or they
 * are within named responses.
 */
export function listsOf(rest: unknown, areAllocations: boolean): readonly ListOfAnswer[] | null {
  if (!isObject(rest)) return null;
  const lists = listsIn(rest);
  if (lists.length > 0) return lists.map(({ name }) => ({ path: [name], rows: (item) => [listItem(name, item)] }));
  const { data, object } = rest;
  if (listed(rest) !== null) return null;
  if (Array.isArray(data)) {
    if (areAllocations) return [{ path: ['data'], rows: (window) => allocations({ data: [window] }) ?? [] }];
    return object === 'list' ? [{ path: ['data'], rows: (item) => (isObject(item) ? [item] : []) }] : null;
  }
  if (!isObject(data) || !Array.isArray(data['result'])) return null;
  return [{ path: ['data', 'result'], rows: (series) => samples({ data: { result: [series] } }) ?? [] }];
}

/** Whether a window has something else than allocations, nothing, or only these. */
export function isWindow(window: unknown): boolean | undefined {
  if (!isObject(window) || Object.keys(window).length === 0) return undefined;
  return allocations({ data: [window] }) !== null;
}
