/** An id that nobody else makes. `crypto.randomUUID` is only there over HTTPS and on localhost. */
export const newId = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
