import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { invalid } from '#domain/errors';

/** A file that is read twice: first as a whole for its digest, then row by row. */
export interface Source {
  /** Its name in messages and rejects. */
  readonly name: string;
  readonly path: string;
  /** The size of the file itself, compressed or not. */
  readonly bytes: number;
  readonly isGzip: boolean;
  /** The size of the content, without compression. */
  readonly size: number;
  /** Number of lines of the content: usually one more than its rows. */
  readonly lines: number;
  /** SHA-256 of the uncompressed content, so that a compressed copy is the same file. */
  readonly digest: string;
  /** Removes the temporary copy, if there is one. */
  dispose(): Promise<void>;
}

const STDIN = '-';
const GZIP = Buffer.from([0x1f, 0x8b]);
/** A format that is not read: how its files begin, and what to do with them. */
interface Foreign {
  readonly begins: string;
  /** What else their beginning contains. */
  readonly contains?: RegExp;
  readonly name: string;
  readonly remedy: string;
}
const WORKBOOK = { name: 'an Excel workbook', remedy: 'Save it as "CSV UTF-8", then import that file.' };
const FOREIGN: readonly Foreign[] = [
  // A workbook is an archive of these files. Any other archive follows.
  { begins: 'PK\u0003\u0004', contains: /xl\/|\[Content_Types\]\.xml/, ...WORKBOOK },
  { begins: 'PK\u0003\u0004', name: 'a ZIP archive', remedy: 'Unpack it (unzip), then import its files.' },
  { begins: '\u00d0\u00cf\u0011\u00e0', ...WORKBOOK },
  { begins: 'BZh', name: 'packed with bzip2', remedy: 'Unpack it (bunzip2), or pack it with gzip.' },
  { begins: '\u00fd7zXZ', name: 'packed with xz', remedy: 'Unpack it (unxz), or pack it with gzip.' },
  { begins: '(\u00b5/\u00fd', name: 'packed with zstd', remedy: 'Unpack it (unzstd), or pack it with gzip.' },
  { begins: 'PAR1', name: 'a Parquet file', remedy: 'Choose CSV for the export, or convert it to CSV.' },
];
const BEGINNING_BYTES = 4096;

/**
 * Reads a file to its end before it is processed. stdin (`-`) and pipes, which can be read only once, are stored in a
 * temporary file. Errors, `unreadable_file`: it does not exist, is a directory, is empty, is cut off within its
 * compression, or is not UTF-8 text.
 */
export async function openSource(file: string, stdin: () => Readable): Promise<Source> {
  if (file === STDIN) return kept('stdin', stdin);
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) throw unreadable(`file ${file} does not exist`);
  if (found.isDirectory())
    throw unreadable(`${file} is a directory. Name its files, such as ${file.replace(/\/$/, '')}/*.csv`);
  // `<(zcat usage.csv.gz)` is /dev/fd/63. No rejects can be written next to it. /dev/shm has files as any folder has.
  if (!found.isFile())
    return kept(/^\/(dev\/(?!shm\/)|proc\/)/.test(file) ? 'pipe' : file, () => createReadStream(file));
  return inspected(file, file, async () => undefined);
}

async function kept(name: string, content: () => Readable): Promise<Source> {
  const path = join(tmpdir(), `ledgerline-stdin-${randomUUID()}`);
  const dispose = async (): Promise<void> => rm(path, { force: true });
  try {
    await pipeline(content(), createWriteStream(path, { mode: 0o600 }));
    return await inspected(name, path, dispose);
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function inspected(name: string, path: string, dispose: () => Promise<void>): Promise<Source> {
  const { size } = await stat(path);
  if (size === 0)
    throw unreadable(`${name} is empty (0 bytes). Nothing was imported. Check whether the copy is complete.`);
  const beginning = await beginningOf(path);
  assertReadable(name, beginning.toString('latin1'));
  const source = { name, path, bytes: size, isGzip: beginning.subarray(0, 2).equals(GZIP), dispose };
  return { ...source, ...(await contentsOf(source)) };
}

const unreadable = (message: string): Error => invalid('unreadable_file', message);

async function beginningOf(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BEGINNING_BYTES), 0, BEGINNING_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Errors: `unreadable_file`, if the file has a format that is not read. */
function assertReadable(name: string, beginning: string): void {
  const found = FOREIGN.find(
    ({ begins, contains }) => beginning.startsWith(begins) && (contains === undefined || contains.test(beginning)),
  );
  if (found !== undefined) throw unreadable(`${name} is ${found.name}. Nothing was imported. ${found.remedy}`);
}

/** The uncompressed content. `onRead` receives the number of bytes read from the file itself. */
export function contentOf(
  { path, isGzip: isPacked }: Pick<Source, 'path' | 'isGzip'>,
  onRead: (bytes: number) => void = () => undefined,
): Readable {
  const file = createReadStream(path, { highWaterMark: 64 * 1024 });
  file.on('data', (chunk) => onRead(chunk.length));
  if (!isPacked) return file;
  const unpacked = createGunzip();
  file.once('error', (error) => unpacked.destroy(error));
  unpacked.once('close', () => file.destroy());
  return file.pipe(unpacked);
}

async function contentsOf(
  source: Pick<Source, 'name' | 'path' | 'isGzip'>,
): Promise<Pick<Source, 'digest' | 'lines' | 'size'>> {
  const hash = createHash('sha256');
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let [lines, size] = [0, 0];
  try {
    for await (const chunk of contentOf(source) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      size += chunk.length;
      const text = decoder.decode(chunk, { stream: true });
      for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines += 1;
    }
    decoder.decode();
  } catch (error) {
    throw unreadable(`${source.name}: ${causeOf(error, lines)}`);
  }
  return { digest: hash.digest('hex'), lines, size };
}

function causeOf(error: unknown, lines: number): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'Z_BUF_ERROR')
    return `the gzip data is cut off after about ${lines} lines.` + ' Nothing was imported. Copy the file again.';
  if (code?.startsWith('Z_') === true)
    return `the gzip data is damaged after about ${lines} lines (${message}). Nothing was imported. Copy it again.`;
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
    return (
      `it is not UTF-8 text (after about ${lines} lines).` +
      ' Nothing was imported. Convert it, for example with iconv -f LATIN1 -t UTF-8 or -f UTF-16.'
    );
  return `it can't be read: ${message}`;
}
