import { RowFault } from '../rows/row.js';
import { eventPeriod, eventTime } from './events.js';
import type { Preset } from './preset.js';
import type { UsageItem } from './usage.js';

const INPUT = ['ContextTokens', 'prompt_tokens', 'input_tokens', 'tokens_prompt'];
const OUTPUT = ['GeneratedTokens', 'completion_tokens', 'output_tokens', 'tokens_completion'];

/**
 * Requests to a large language model, as gateways log them: a row is two readings, its input and its output tokens. Who
 * made the request is in a column, or the same for the whole file (`values`).
 */
export const tokenTrace: Preset<UsageItem> = {
  name: 'token-trace',
  kind: 'usage',
  fields: [
    { name: 'deploymentId', columns: ['deploymentId', 'deployment', 'end_user', 'user'], isRequired: true },
    { name: 'resourceId', columns: ['resourceId', 'resource', 'model', 'model_permaslug'], isRequired: true },
    { name: 'start', columns: ['TIMESTAMP', 'startTime', 'created_at', 'time'], isRequired: true },
    { name: 'sourceId', columns: ['request_id', 'generation_id', 'id'] },
    { name: 'inputTokens', columns: INPUT, isRequired: true },
    { name: 'outputTokens', columns: OUTPUT, isRequired: true },
    { name: 'inputKind', columns: [] },
    { name: 'outputKind', columns: [] },
  ],
  recognises: (columns) => [INPUT, OUTPUT].every((each) => each.some((name) => columns.has(name))),
  zone: 'Z',
  isLenient: true,
  read(cells) {
    const [inputKind, outputKind] = [
      cells.optionalId('inputKind') ?? 'input_tokens',
      cells.optionalId('outputKind') ?? 'output_tokens',
    ];
    if (inputKind === outputKind)
      throw new RowFault('outputKind', outputKind, 'is also the kind of the input tokens. Give each its own kind.');
    const deploymentId = cells.id('deploymentId');
    const sourceId = cells.optionalId('sourceId');
    const request = {
      resourceId: cells.id('resourceId'),
      period: eventPeriod(eventTime(cells, 'start')),
      granularity: 'event' as const,
      ...(sourceId === undefined ? {} : { sourceId }),
    };
    return [
      { deploymentId, observation: { ...request, billingKind: inputKind, quantity: cells.decimal('inputTokens') } },
      { deploymentId, observation: { ...request, billingKind: outputKind, quantity: cells.decimal('outputTokens') } },
    ];
  },
};
