import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

/** What is installed of the programs of accountants. A test that needs one says loudly that it did not run it. */
export function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write(`\n*** ${program} is not installed: NOT TESTED that it reads the journal. ***\n`);
    return false;
  }
}

/** Runs a program to its end, and answers what it writes. Errors: it fails. */
export async function ran(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { env: { ...process.env, LANG: 'C.UTF-8' } });
  return stdout;
}
