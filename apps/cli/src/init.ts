import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasCode } from './errors.js';
import { printJson, say } from './output.js';
import { STARTER_FILES } from './starter-files.js';
import { WrongUsage } from './wrong-usage.js';

/** Writes a small set of files to begin a ledger with. A file that is there stays as it is. */
export async function run([directory = '']: readonly string[], { json }: { json: boolean }): Promise<number> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    if (!hasCode(error, 'EEXIST') && !hasCode(error, 'ENOTDIR')) throw error;
    throw new WrongUsage(`${directory} is a file, or lies in one. Give the name of a folder`, { cause: error });
  }
  const written: string[] = [];
  for (const [name, content] of STARTER_FILES) {
    const file = path.join(directory, name);
    try {
      await writeFile(file, content, { flag: 'wx' });
      written.push(file);
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      say(`${file} is there already, and stays as it is`);
    }
  }
  if (json) printJson({ written });
  else {
    for (const file of written) say(`wrote ${file}`);
    say(`next: cd ${directory} && npx ledgerline apply setup.jsonl`);
  }
  return 0;
}
