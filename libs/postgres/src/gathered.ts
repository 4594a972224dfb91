import { isNotNow } from './connection.js';

interface Waiting<Question, Answer> {
  readonly question: Question;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** What one statement looks up: more of it would keep the small ones waiting, and be refused with them if it takes too long. */
const MOST_AT_ONCE = 1000;
/** A question of so much is a statement of its own: it gains nothing by company. */
const LARGE = 100;

/**
 * Look-ups of many askers as few statements: while one is under way, what is asked meanwhile gathers for the next. Alone, a question
 * waits for nothing; under load, a statement costs about the same for one as for a dozen. `answers`: to each question, in their order;
 * `sizeOf`: how much a question asks for.
 */
export class Gathered<Question, Answer> {
  private waiting: Waiting<Question, Answer>[] = [];
  private isRunning = false;

  constructor(
    private readonly answers: (questions: readonly Question[]) => Promise<readonly Answer[]>,
    private readonly sizeOf: (question: Question) => number = () => 1,
  ) {}

  /** Asked of the database after the call, never before. */
  async ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const asked = { question, resolve, reject };
      if (this.sizeOf(question) >= LARGE) {
        void this.answer([asked]);
        return;
      }
      this.waiting.push(asked);
      if (!this.isRunning) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    // What is asked in one go is together in the first statement too.
    await Promise.resolve();
    while (this.waiting.length > 0) await this.answer(this.next());
    this.isRunning = false;
  }

  private next(): Waiting<Question, Answer>[] {
    let size = 0;
    const beyond = this.waiting.findIndex(({ question }) => (size += this.sizeOf(question)) > MOST_AT_ONCE);
    return this.waiting.splice(0, beyond === -1 ? this.waiting.length : beyond);
  }

  private async answer(asked: readonly Waiting<Question, Answer>[]): Promise<void> {
    try {
      const answers = await this.answers(asked.map(({ question }) => question));
      if (answers.length !== asked.length) throw new Error(`${answers.length} answers to ${asked.length} questions`);
      for (const [index, { resolve }] of asked.entries()) resolve(answers[index] as Answer);
    } catch (error) {
      if (asked.length === 1 || (isNotNow(error) && !isTimeout(error))) for (const { reject } of asked) reject(error);
      // What one question is refused for, or took too long with, says nothing of the others: nor do those who come now wait for it.
      else for (const each of asked) void this.answer([each]);
    }
  }
}

/** A statement that took longer than it may: 57014. */
const isTimeout = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === '57014';
