import { readInstant } from '#domain/time/instant';
import { type DateFormat, dateFormat } from './date-format.js';

const DATES = ['/', '.', '-', ' '].flatMap((mark) => [
  ...[`DD${mark}MM${mark}YYYY`, `MM${mark}DD${mark}YYYY`, `YYYY${mark}MM${mark}DD`, `D${mark}M${mark}YYYY`],
  ...[`M${mark}D${mark}YYYY`, `DD${mark}MMM${mark}YYYY`, `D${mark}MMM${mark}YYYY`],
]);
const TIMES = [
  '',
  'HH:mm',
  'HH:mm:ss',
  'HH:mm:ss.SSS',
  'H:mm',
  'H:mm:ss',
  'hh:mm A',
  'hh:mm:ss A',
  'h:mm A',
  'h:mm:ss A',
];
const FORMATS = [
  ...DATES.flatMap((date) => TIMES.map((time) => (time === '' ? date : `${date} ${time}`))),
  ...['MMM D, YYYY', 'YYYYMMDD', 'YYYYMMDDTHHmmss', 'YYYYMMDDTHHmmssZ'],
];

/** Since 2001, and until 2286: other numbers are no times. */
const UNIX = /^[1-9]\d{9}(?:\.\d{1,6})?$/;
const UNIX_MS = /^[1-9]\d{12}(?:\.\d{1,3})?$/;

let formats: readonly DateFormat[] | undefined;

/** The formats of a mapping in which a text is a time. Of `05/09/2023` there are two. */
function formatsOf(text: string): readonly string[] {
  if (UNIX_MS.test(text)) return ['unix-ms'];
  if (UNIX.test(text)) return ['unix'];
  formats ??= FORMATS.map(dateFormat).filter((format) => typeof format !== 'string');
  const read = new Map<string, string>();
  for (const each of formats) {
    const found = each.read(text);
    // The first format of a reading is the shortest one: `DD/MM/YYYY`, and then `D/M/YYYY`.
    if (found === null || read.has(found)) continue;
    if (typeof readInstant(found.endsWith('Z') ? found : `${found}Z`) === 'string') read.set(found, each.format);
  }
  return [...read.values()];
}

/** What to set in a mapping so that a text is read as a time, as a sentence. Empty: it is in no usual format. */
export function dateHint(text: string, hasZone: boolean): string {
  const found = formatsOf(text.trim()).map((format) => {
    const lacksZone = !hasZone && !format.startsWith('unix') && !format.endsWith('Z');
    return `{"dates": "${format}"${lacksZone ? ', "zone": "Z"' : ''}}`;
  });
  return found.length === 0 ? '' : `. Set ${found.join(' or ')} in a mapping file (--map).`;
}
