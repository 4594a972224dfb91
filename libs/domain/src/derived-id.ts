import { hash } from 'node:crypto';
import { isUuid } from './uuid.js';

const NAMESPACE = Buffer.from('6e2a3a3c6ad14c2f8f0e2d6cf6a1c1d4', 'hex');

/**
 * Derives an id from its parts: the UUID of version 5 (RFC 9562) of their JSON. The same parts always give the same id,
 * so a retry finds what it did before. Each row of an invoice has some: a package takes four times as long.
 */
export function derivedId(...parts: readonly (string | number)[]): string {
  const digest = hash('sha1', Buffer.concat([NAMESPACE, Buffer.from(JSON.stringify(parts))]), 'hex');
  // The version and the variant take the place of six bits.
  const variant = '89ab'.charAt('0123456789abcdef'.indexOf(digest.charAt(16)) % 4);
  return [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `5${digest.slice(13, 16)}`,
    `${variant}${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ].join('-');
}

/** Whether a text may be a derived id, as the ids of lines, parts and rows are. */
export const isDerivedId = (text: string): boolean => isUuid(text) && text.charAt(14) === '5';
