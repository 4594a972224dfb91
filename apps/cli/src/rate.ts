import { rateRequests } from '#domain/rating/request';
import { readJson } from './input.js';
import { printJson } from './output.js';

/** Rates requests and prints their answers, always as JSON. A request that can't be rated says so among the others. */
export async function run([file = '-']: readonly string[]): Promise<number> {
  printJson(rateRequests(await readJson(file)));
  return 0;
}
