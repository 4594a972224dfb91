import { describe, expect, it } from '@jest/globals';
import { COMMANDS } from './operations.js';

describe('every command', () => {
  const commands = [...COMMANDS.values()];

  it.each(commands.map(({ name, mistakes, withdrawal }) => [name, mistakes, withdrawal !== undefined] as const))(
    '%s has a correction, or says why it is final',
    (name, mistakes, isWithdrawable) => {
      if ('final' in mistakes) {
        expect(mistakes.final.length).toBeGreaterThan(20);
        expect(isWithdrawable).toBe(false);
        return;
      }
      expect([name, mistakes.correctedBy.filter((each) => !COMMANDS.has(each))]).toEqual([name, []]);
      expect([name, isWithdrawable]).toEqual([name, mistakes.correctedBy.includes('withdraw')]);
    },
  );
});
