import { hash } from 'node:crypto';
import { isId } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { digestOf } from './digest.js';

/** An id has at most 512 bytes, and a number is appended to it. */
const LONGEST_OWN_ID = 400;
/** As long as a hash. What describes a charge has hundreds of bytes, in each line of each event and in an index. */
const LONGEST_DESCRIPTION = 64;

const isKept = (key: string, longest: number): boolean => isId(key) && Buffer.byteLength(key) <= longest;
const hashed = (key: string): string => hash('sha256', key, 'hex');

/**
 * The key of a charge: the source's own id, or what describes it. Longer ones, and those with line breaks, are hashed:
 * `20260410T05-` and SHA-256 in hexadecimal digits. Bills are in the order of time mostly. An index of hashes alone
 * would be written all over.
 */
export const chargeKey = (key: string, isOwnId: boolean, start: Instant): string =>
  isKept(key, isOwnId ? LONGEST_OWN_ID : LONGEST_DESCRIPTION) ? key : `${hourOf(start)}-${hashed(key)}`;

/** `20260410T05` */
const hourOf = (start: Instant): string => start.slice(0, 13).replaceAll('-', '');

/**
 * What a key is compared by, in 16 bytes. Descriptions of up to 400 bytes were recorded as they are once: these are
 * hashed here, so that the charge is known again.
 */
export function keyDigest(invoiceRef: string, key: string): string {
  const number = key.length > LONGEST_DESCRIPTION ? (NUMBER.exec(key)?.[0] ?? '') : '';
  const charge = number === '' ? key : key.slice(0, -number.length);
  const compared = HASHED.exec(charge)?.[1] ?? (isKept(charge, LONGEST_DESCRIPTION) ? charge : hashed(charge));
  return digestOf(`${invoiceRef}\u0000${compared}${number}`);
}

const HASHED = /^\d{8}T\d{2}-([0-9a-f]{64})$/;

/** The charge of a key, and the number of a further one: `key#2`, or `key#0123456789abcdef:7` of a mended reject. */
export function numberedKey(key: string): { readonly charge: string; readonly number: number } | null {
  const [end, number] = NUMBER.exec(key) ?? [];
  return end === undefined || number === undefined
    ? null
    : { charge: key.slice(0, -end.length), number: Number(number) };
}

/**
 * The key of a line is the key of its charge, with the number of a further occurrence. A row that was rejected and
 * mended has the file and the row instead.
 */
const NUMBER = /#(?:[0-9a-f]{16}:)?(\d{1,9})(?:\.\d+)?$/;
