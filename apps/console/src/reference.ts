import 'swagger-ui-dist/swagger-ui.css';
import './reference.css';
import SwaggerUIBundle from 'swagger-ui-dist/swagger-ui-es-bundle.js';

/** Collections of Swagger UI (immutable.js), as far as the search needs them. */
interface Operations {
  readonly filter: (isShown: (operation: object) => boolean) => { readonly size: number };
}
interface Tag {
  readonly get: (name: 'operations') => Operations;
  readonly set: (name: 'operations', of: { readonly size: number }) => Tag;
}
interface Tags {
  readonly map: (of: (tag: Tag) => Tag) => { readonly filter: (isShown: (tag: Tag) => boolean) => Tags };
}

/** Finds operations by all that is said of them, such as the name of a command. Swagger UI itself reads paths only. */
function opsFilter(tags: Tags, phrase: string): Tags {
  const words = phrase.toLowerCase().split(/\s+/);
  const hasAll = (operation: object): boolean => {
    const text = JSON.stringify(operation).toLowerCase();
    return words.every((word) => text.includes(word));
  };
  return tags
    .map((tag) => tag.set('operations', tag.get('operations').filter(hasAll)))
    .filter((tag) => tag.get('operations').filter(() => true).size > 0);
}

SwaggerUIBundle({
  url: '/api/docs-json',
  dom_id: '#reference',
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  // No document is sent elsewhere to be checked.
  validatorUrl: null,
  plugins: [() => ({ fn: { opsFilter } })],
});
