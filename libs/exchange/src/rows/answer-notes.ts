import { isObject, listNames } from './answers.js';
import type { RowNote } from './row.js';

const WARNING = { code: 'answer_warning', field: 'warnings' };
const LONGEST_WARNINGS = 500;

/**
 * What the API answers of a file say of themselves: that they may lack something (`warnings` of Prometheus and Thanos,
 * `warning` of Kubecost), or that there are further pages (`has_more` of Stripe, `links.pages.next` of DigitalOcean).
 */
export class AnswerNotes {
  private readonly warnings = new Set<string>();
  /** List → the field that names a further page. null: the file has its last page. */
  private readonly pages = new Map<string, string | null>();

  /** An answer of the file, or an object that has answers in it. */
  see(answer: unknown): void {
    if (!isObject(answer)) return;
    for (const warning of [answer['warnings'], answer['warning']].flat())
      if (typeof warning === 'string' && warning !== '') this.warnings.add(warning);
    const within = Object.values(answer).filter(isObject);
    const answers = [answer, ...within].filter((each) => listNames(each).length > 0);
    if (answers.length === 0) this.seePages(answer, ['']);
    else for (const each of answers) this.seePages(each, listNames(each));
  }

  /** Notes of the file, once it was read. */
  noted(): readonly RowNote[] {
    const text = [...this.warnings].join('; ').slice(0, LONGEST_WARNINGS);
    const warned: RowNote = {
      ...WARNING,
      value: '',
      message: `the answer may be incomplete, because it has a warning: ${text}. Query again, or check it.`,
    };
    const fields = new Set([...this.pages.values()].filter((field) => field !== null));
    const further = [...fields].map((field) => ({
      code: 'further_page',
      field,
      value: '',
      message: 'names a further page, and the file does not have the last one. Import all pages together.',
    }));
    return this.warnings.size === 0 ? further : [warned, ...further];
  }

  private seePages(answer: Readonly<Record<string, unknown>>, names: readonly string[]): void {
    const next = nextOf(answer);
    for (const name of names) if (next === null || !this.pages.has(name)) this.pages.set(name, next);
  }
}

/** The field that names a further page. */
function nextOf({ has_more: hasMore, links }: Readonly<Record<string, unknown>>): string | null {
  if (hasMore === true) return 'has_more';
  const pages = isObject(links) && isObject(links['pages']) ? links['pages'] : {};
  return typeof pages['next'] === 'string' && pages['next'] !== '' ? 'links.pages.next' : null;
}
