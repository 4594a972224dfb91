import { isNotNow } from './connection.js';

interface Waiting<Question, Answer> {
  readonly question: Question;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

const MOST_QUESTIONS = 100;

/**
 * Look-ups of many askers as few statements: while one is under way, what is asked meanwhile gathers for the next. Alone, a question
 * waits for nothing; under load, a statement costs about the same for one as for a dozen. `answers`: to each question, in their order.
 */
export class Gathered<Question, Answer> {
  private waiting: Waiting<Question, Answer>[] = [];
  private isRunning = false;

  constructor(private readonly answers: (questions: readonly Question[]) => Promise<readonly Answer[]>) {}

  /** Asked of the database after the call, never before. */
  async ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ question, resolve, reject });
      if (!this.isRunning) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    // What is asked in one go is together in the first statement too.
    await Promise.resolve();
    while (this.waiting.length > 0) await this.answer(this.waiting.splice(0, MOST_QUESTIONS));
    this.isRunning = false;
  }

  private async answer(asked: readonly Waiting<Question, Answer>[]): Promise<void> {
    try {
      const answers = await this.answers(asked.map(({ question }) => question));
      if (answers.length !== asked.length) throw new Error(`${answers.length} answers to ${asked.length} questions`);
      for (const [index, { resolve }] of asked.entries()) resolve(answers[index] as Answer);
    } catch (error) {
      // What one question is refused for says nothing of the others; that the database is away, all the same.
      if (asked.length === 1 || isNotNow(error)) for (const { reject } of asked) reject(error);
      else for (const each of asked) await this.answer([each]);
    }
  }
}
