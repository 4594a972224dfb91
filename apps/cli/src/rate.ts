import { rateRequests } from '#domain/rating/request';
import { readJson } from './input.js';
import { printJson } from './output.js';

/** Rates requests and prints the answers, always as JSON. The answer to a request that can't be rated is its error. */
export async function run([file = '-']: readonly string[]): Promise<number> {
  printJson(rateRequests(await readJson(file)));
  return 0;
}
