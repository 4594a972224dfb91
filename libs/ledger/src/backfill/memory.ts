import { setFlagsFromString } from 'node:v8';

/**
 * For a process that imports: V8 lets the heap grow to a multiple of what lives in it before it collects, and the part for what is new to
 * as much as the machine allows. An import makes much garbage and keeps little: collecting sooner, a million rows of usage stay within 440 MB
 * instead of 660, for a fifth more CPU.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=40');
  setFlagsFromString('--semi-space-growth-factor=1');
}
