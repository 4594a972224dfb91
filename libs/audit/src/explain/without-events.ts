import type { Explained } from './explained.js';
import type { explainRows } from './rows.js';

/** Their number would be about staff as well. */
const NO_EVENTS = { events: [], eventCount: 0 };

type ExplainedRow = Awaited<ReturnType<typeof explainRows>>[number];

/**
 * What a tenant may read of an explanation of its own: arithmetic, usage and price. It sees no events: they name staff,
 * their reasons and their files, and other tenants. Margins and events it does not get at all. null: such a one.
 */
export function withoutEvents(explained: Explained): Explained | null {
  switch (explained.is) {
    case 'issued':
    case 'draft':
      return {
        ...explained,
        documents: explained.documents.map((document) => ({
          ...document,
          // The reason of a credit note is on the credit note. Why an invoice was voided is for staff.
          reason: document.credits === null ? null : document.reason,
          events: [],
        })),
        rows: explained.rows.map(withoutEventsOfRow),
        open: explained.open === null ? null : { ...explained.open, ...NO_EVENTS },
      };
    case 'open line':
      return { ...explained, ...NO_EVENTS };
    case 'usage record':
      return {
        ...explained,
        versions: explained.versions.map((version) => ({
          ...version,
          file: null,
          event: null,
          until: null,
          metered: [],
        })),
      };
    case 'margin':
    case 'event':
      return null;
  }
}

const withoutEventsOfRow = (row: ExplainedRow): ExplainedRow => ({
  ...row,
  rates: row.rates.map((rate) => ({ ...rate, event: null })),
  ...{ because: [], becauseCount: 0 },
  ...NO_EVENTS,
});
