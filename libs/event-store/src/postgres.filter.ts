import type { EventFilter } from './port.js';

/** SQL: the events after one position ($1) up to another ($2) that may pass a filter ($3 to $5, `filterValues`). */
export const FILTERED = `position > $1 and position <= $2
  and ($3::text[] is null or exists (select from unnest($3::text[]) as prefix where starts_with(stream, prefix)))
  and ($4::text[] is null or type = any ($4::text[]))
  and ($5::text[] is null or exists (select from unnest($5::text[]) as actor where strpos(metadata, actor) > 0))`;

/** The actors are looked for as JSON writes a text. `passes` says which of the events that have it are theirs. */
export const filterValues = (filter: EventFilter | undefined): readonly unknown[] => [
  filter?.streamPrefixes ?? null,
  filter?.types ?? null,
  filter?.actors?.map((actor) => JSON.stringify(actor)) ?? null,
];
