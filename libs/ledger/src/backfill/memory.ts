import { setFlagsFromString } from 'node:v8';

/**
 * For a process that imports: V8 lets the heap grow to a multiple of what lives in it before it collects. An import makes much garbage
 * and keeps little; collecting sooner, it stays at 370 MB instead of 500, for a tenth more time.
 */
export const keepHeapSmall = (): void => setFlagsFromString('--heap-growing-percent=60');
