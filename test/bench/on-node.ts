import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Work with a node in memory, in a process of its own. */
export async function onNode<Result>(work: (connectionString: string) => Promise<Result>): Promise<Result> {
  const args = ['--import', './test/support/typescript.js', 'test/bench/grpc-node.ts'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  try {
    if (child.stdout === null) throw new Error('the node has no output');
    for await (const connectionString of createInterface({ input: child.stdout })) return await work(connectionString);
    throw new Error('the node ended before it listened');
  } finally {
    child.kill();
  }
}
