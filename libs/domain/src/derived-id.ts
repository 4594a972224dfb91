import { parse, v5 as uuidV5 } from 'uuid';

/** Parsed once: uuid would parse a text again for every id. */
const NAMESPACE = parse('6e2a3a3c-6ad1-4c2f-8f0e-2d6cf6a1c1d4');

/** Derives an id from its parts. The same parts always give the same id, so a retry finds what it did before. */
export const derivedId = (...parts: readonly (string | number)[]): string => uuidV5(JSON.stringify(parts), NAMESPACE);
