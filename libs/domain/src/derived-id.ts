import { parse, v5 as uuidV5 } from 'uuid';

/** In bytes: else each id would read the text again. */
const NAMESPACE = parse('6e2a3a3c-6ad1-4c2f-8f0e-2d6cf6a1c1d4');

/** Ids are derived, so that computing them again anywhere gives the same: a retry finds what it did before. */
export const derivedId = (...parts: readonly (string | number)[]): string => uuidV5(JSON.stringify(parts), NAMESPACE);
