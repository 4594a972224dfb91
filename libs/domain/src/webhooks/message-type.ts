/** What messages to other systems are about. Names are permanent. */
export const MESSAGE_TYPES = [
  'invoice.drafted',
  'invoice.issued',
  'invoice.voided',
  'invoice.paid',
  'invoice.payment_withdrawn',
  'credit_note.issued',
  'consolidated_invoice.issued',
  'consolidated_invoice.voided',
  'payment.recorded',
  'payment.applied',
  'payment.application_withdrawn',
  'payment.withdrawn',
  'refund.recorded',
  'refund.withdrawn',
  'correction.owed',
  'line.quarantined',
  'usage.late',
  'usage.unbilled',
  'rate.corrected',
  'day.metered',
  'budget.threshold_reached',
  'budget.threshold_undone',
  'alert.raised',
  'alert.cleared',
  'projection.halted',
] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];

/** About states that pass: only endpoints get them. The feed has what follows from the log. */
const MESSAGES_OF_STATES = ['projection.halted'] as const;
type FeedType = Exclude<MessageType, (typeof MESSAGES_OF_STATES)[number]>;
export const isFeedType = (type: MessageType): type is FeedType => !MESSAGES_OF_STATES.some((each) => each === type);
export const FEED_TYPES: readonly FeedType[] = MESSAGE_TYPES.filter(isFeedType);

/** They tell margin, which only platform_admin sees. */
export const MESSAGES_OF_MARGIN: readonly MessageType[] = ['alert.raised', 'alert.cleared'];

/** Endpoints of one tenant get none of them. */
export const MESSAGES_OF_NO_TENANT: readonly MessageType[] = [
  ...(['rate.corrected', 'day.metered', 'usage.unbilled', 'projection.halted'] as const),
  ...MESSAGES_OF_MARGIN,
];
