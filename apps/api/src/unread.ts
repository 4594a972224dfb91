/** In characters, of all owners together. One owner has a quarter. */
const MOST = 256 * 1024 * 1024;
const MOST_OF_OWNER = MOST / 4;

interface Answer {
  readonly owner: string;
  readonly chars: number;
}

/** The answers that clients are reading without a place. They are in memory, so their sum is limited. */
export class Unread {
  private readonly answers = new WeakMap<object, Answer>();
  private readonly ofOwner = new Map<string, number>();
  private all = 0;

  /** Returns whether there was room for the answer. */
  add(request: object, answer: Answer): boolean {
    const { owner, chars } = answer;
    if (this.all + chars > MOST || (this.ofOwner.get(owner) ?? 0) + chars > MOST_OF_OWNER) return false;
    this.answers.set(request, answer);
    this.count(answer, 1);
    return true;
  }

  /** The answer was read, or its connection closed. It may be called again. */
  remove(request: object): void {
    const answer = this.answers.get(request);
    if (answer !== undefined) this.count(answer, -1);
    this.answers.delete(request);
  }

  private count({ owner, chars }: Answer, sign: 1 | -1): void {
    this.all += sign * chars;
    const left = (this.ofOwner.get(owner) ?? 0) + sign * chars;
    if (left === 0) this.ofOwner.delete(owner);
    else this.ofOwner.set(owner, left);
  }
}
