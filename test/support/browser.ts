import { createContext, Script } from 'node:vm';

type Child = FakeElement | string;

/** As much of an element as the program of the console uses. */
class FakeElement {
  hidden = false;
  className = '';
  hash = '';
  private children: Child[] = [];

  get childNodes(): readonly Child[] {
    return this.children;
  }
  get textContent(): string {
    return this.children.map((child) => (typeof child === 'string' ? child : child.textContent)).join(' ');
  }
  set textContent(text: string) {
    this.children = [text];
  }
  append(...children: Child[]): void {
    this.children.push(...children);
  }
  replaceChildren(...children: Child[]): void {
    this.children = children;
  }
  setAttribute(): void {
    // No spec looks at attributes.
  }
  removeAttribute(): void {
    // No spec looks at attributes.
  }
  addEventListener(): void {
    // No spec clicks.
  }
}

export interface ShownConsole {
  /** The text of the view, once it is shown. */
  readonly view: string;
  /** The text of the banner. null: it is hidden. */
  readonly stale: string | null;
}

/** Runs the program of the console, as a browser with a token does, and shows the view of a hash such as `#tenants`. */
export async function shownConsole(apiUrl: string, token: string, hash: string): Promise<ShownConsole> {
  const program = await (await fetch(`${apiUrl}/console/console.js`)).text();
  const page = await (await fetch(apiUrl)).text();
  const ids = new Map(
    [...page.matchAll(/<\w+ id="([\w-]+)"( [^>]*hidden)?/g)].map(([, id = '', hidden]) => {
      const element = new FakeElement();
      element.hidden = hidden !== undefined;
      return [id, element];
    }),
  );
  const elementNamed = (id: string): FakeElement => {
    const found = ids.get(id);
    if (found === undefined) throw new Error(`the page has no element ${id}`);
    return found;
  };
  const context = createContext({
    document: { getElementById: elementNamed, createElement: () => new FakeElement(), querySelectorAll: () => [] },
    sessionStorage: { getItem: () => token },
    location: { hash, origin: apiUrl },
    addEventListener: () => undefined,
    Node: FakeElement,
    HTMLInputElement: FakeElement,
    ...{ fetch, URL, URLSearchParams, Symbol, Error },
  });
  new Script(program).runInContext(context);
  const [view, stale] = [elementNamed('view'), elementNamed('stale')];
  while (view.textContent === '') await new Promise((resolve) => setTimeout(resolve, 5));
  return { view: view.textContent, stale: stale.hidden ? null : stale.textContent };
}
