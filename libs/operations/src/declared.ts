import type { CommandDefinition } from '#ledger/define-command';
import type { DefinedQuery } from '#ledger/query';

/**
 * The commands and queries of one subject. Its file ends with this list. REST, GraphQL, the OpenAPI document, the typed
 * client and the CLI are made from the lists of all subjects.
 */
export interface Operations {
  readonly commands?: readonly CommandDefinition[];
  readonly queries?: readonly DefinedQuery[];
}
