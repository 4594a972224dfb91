import type { RecordedEvent } from '#domain/events';
import { mappingData, mappingsOf, versionsOfMappings } from '#domain/margin/kind-mapping';
import { evolveTerms } from '#domain/terms/terms';
import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { toMapping } from './kind-mappings.read.js';
import { type KindMappingRow, kindMappings } from './kind-mappings.table.js';

type MappingEvents = 'KindMappingSet' | 'KindMappingCorrected';

function next(event: RecordedEvent<MappingEvents>, rows: readonly KindMappingRow[]): KindMappingRow[] {
  const versions = evolveTerms(versionsOfMappings(rows.map(toMapping)), mappingData(event));
  return mappingsOf(event.data, versions).map(({ provider, kind, billingKinds, period }) => ({
    ...{ provider, kind, billing_kinds: billingKinds },
    ...{ effective_from: period.start, effective_until: period.end },
  }));
}

const ofKind = ({ data }: RecordedEvent<MappingEvents>): readonly string[] => [data.provider, data.kind];

export const kindMappingsProjection = versionedProjection('kind-mappings', {
  version: 1,
  tables: [kindMappings],
  on: {
    KindMappingSet: changing(kindMappings, ofKind, next),
    KindMappingCorrected: changing(kindMappings, ofKind, next),
  },
});
