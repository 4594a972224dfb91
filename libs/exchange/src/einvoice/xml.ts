import XMLBuilder from 'fast-xml-builder';
import { conflict } from '#domain/errors';

/** An element: its text, or its children in the order of the schema. Children that are null are left out. */
export type Element = string | Children;
export interface Children {
  readonly [name: string]: Element | readonly Element[] | null;
}

/** A text with attributes. */
export const attributed = (text: string, attributes: Readonly<Record<string, string>>): Children => ({
  ...Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`@${name}`, value])),
  '#text': text,
});

const BUILDER = new XMLBuilder({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  suppressBooleanAttributes: false,
  format: true,
});

/** What XML 1.0 has no way to write: control characters and halves of surrogate pairs. */
const UNWRITABLE = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** Errors: `einvoice_refused`, for a character that XML can't contain. */
export function xml(root: string, namespaces: Readonly<Record<string, string>>, children: Children): string {
  const attributes = Object.fromEntries(Object.entries(namespaces).map(([prefix, uri]) => [`@${prefix}`, uri]));
  const document = { [root]: { ...attributes, ...written(children, root) } };
  return `<?xml version="1.0" encoding="UTF-8"?>\n${BUILDER.build(document)}`;
}

function written(children: Children, path: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(children).flatMap(([name, child]): [string, unknown][] => {
      if (child === null) return [];
      const each = (element: Element): unknown =>
        typeof element === 'string' ? checked(element, `${path}/${name}`) : written(element, `${path}/${name}`);
      return [[name, isMany(child) ? child.map(each) : each(child)]];
    }),
  );
}

const isMany = (child: Element | readonly Element[]): child is readonly Element[] => Array.isArray(child);

function checked(text: string, path: string): string {
  if (!UNWRITABLE.test(text)) return text;
  const message = `${path} has a character that XML 1.0 can't contain: correct the text ${JSON.stringify(text)}`;
  throw conflict('einvoice_refused', message, [{ field: 'XML', message }]);
}
