import type { FrozenRow } from '#domain/invoices/invoice';
import type { PlanItem } from '#domain/plans/plan';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { RateKey } from '#domain/usage/usage';
import type { Place } from './blocks.js';

/** The product's commands, as far as stories need them. */
export type Command =
  | {
      readonly command: 'register-tenant';
      readonly tenantId: string;
      readonly name: string;
      readonly currency: string;
      readonly timeZone?: string;
      readonly tax?: Tax;
    }
  | ({ readonly command: 'set-tax'; readonly tenantId: string } & Tax)
  | {
      readonly command: 'register-deployment';
      readonly deploymentId: string;
      readonly tenantId: string;
      readonly name: string;
      readonly from: Instant;
    }
  | {
      readonly command: 'assign-deployment';
      readonly deploymentId: string;
      readonly tenantId: string;
      readonly from: Instant;
    }
  | {
      readonly command: 'publish-plan';
      readonly planId: string;
      readonly name: string;
      readonly currency: string;
      readonly baseFee: string;
      readonly paymentTerm: 'in_advance' | 'in_arrears';
      readonly interval: 'month' | 'year';
      readonly effectiveFrom: Instant;
      readonly items: readonly PlanItem[];
    }
  | ({
      readonly command: 'correct-price';
      readonly planId: string;
      readonly billingKind: string;
      readonly price: PlanItem['price'];
    } & Correction)
  | {
      readonly command: 'start-subscription';
      readonly subscriptionId: string;
      readonly deploymentId: string;
      readonly planId: string;
      readonly from: Instant;
      readonly anchor?: Instant;
    }
  | { readonly command: 'change-plan'; readonly subscriptionId: string; readonly planId: string; readonly at: Instant }
  | { readonly command: 'cancel-subscription'; readonly subscriptionId: string; readonly at: Instant }
  | ({
      readonly command: 'set-rate';
      readonly unitPrice: string;
      readonly currency?: string;
      readonly effectiveFrom: Instant;
      readonly effectiveUntil?: Instant;
    } & RateKey)
  | ({ readonly command: 'correct-rate'; readonly unitPrice: string } & RateKey & Correction)
  | ({ readonly command: 'withdraw-rate'; readonly from: Instant; readonly reason: string } & RateKey)
  | { readonly command: 'observe-usage'; readonly deploymentId: string; readonly observations: readonly Observation[] }
  | ({
      readonly command: 'correct-usage';
      readonly deploymentId: string;
      readonly quantity: string | null;
      readonly reason: string;
    } & ReadingKey);

interface Tax {
  readonly name: string;
  readonly ratePercent: string;
  readonly from: Instant;
}
interface Correction {
  readonly effectiveFrom: Instant;
  readonly effectiveUntil?: Instant;
  readonly reason: string;
}
export interface ReadingKey {
  readonly resourceId: string;
  readonly billingKind: string;
  readonly period: Period;
  readonly granularity: 'event';
  /** The line in the story. It distinguishes readings of the same day. */
  readonly sourceId: string;
}
export interface Observation extends ReadingKey {
  readonly quantity: string;
  readonly rateKey?: RateKey;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** What a story says of an invoice row; what it leaves out is not compared. */
export interface RowFigures {
  readonly billingKind: string;
  readonly deploymentId?: string;
  readonly period: Period;
  readonly kind: FrozenRow['kind'];
  readonly ref?: string;
  readonly quantity?: string;
  readonly unitAmount?: string;
  readonly discount?: string;
  readonly net: string;
  readonly tax?: string;
}
export interface PartFigures {
  readonly period: Period;
  readonly quantity?: string;
  readonly net: string;
  readonly state: 'billed' | 'open';
}
export interface UnbilledFigures {
  readonly quantity: string;
  readonly billingKind: string;
  readonly deploymentId: string;
  readonly reason: string;
}
export interface QuarantineFigures {
  readonly billingKind: string;
  readonly code: string;
}
export interface TotalFigures {
  readonly subtotal?: string;
  readonly tax?: string;
  readonly total?: string;
  readonly number?: string;
}

/** A figure, and the line that says it. */
export type Said<Figures> = Figures & { readonly place: Place };

export interface ExpectedInvoice {
  readonly isNothing: boolean;
  readonly rows: readonly Said<RowFigures>[];
  readonly quarantined: readonly Said<QuarantineFigures>[];
  readonly totals: readonly Said<TotalFigures>[];
}

/** An invoice is known to a story by its tenant and its instant. */
export interface InvoiceName {
  readonly tenantId: string;
  readonly asOf: Instant;
}

/** An action may be refused, with a code: `refused` is then what the story expects. */
export type Step = { readonly place: Place } & (
  | { readonly step: 'command'; readonly command: Command; readonly refused: string | null }
  | { readonly step: 'invoice'; readonly name: InvoiceName; readonly expected: ExpectedInvoice }
  | {
      readonly step: 'void';
      readonly name: InvoiceName;
      readonly at: Instant;
      readonly reason: string;
      readonly refused: string | null;
    }
  | { readonly step: 'pay'; readonly name: InvoiceName; readonly at: Instant; readonly refused: string | null }
  | {
      readonly step: 'expect-billed';
      readonly tenantId: string;
      readonly billingKind: string | null;
      readonly amount: string;
    }
  | {
      readonly step: 'expect-parts';
      readonly deploymentId: string;
      readonly billingKind: string;
      readonly period: Period;
      readonly parts: readonly Said<PartFigures>[];
    }
  | { readonly step: 'expect-unbilled'; readonly items: readonly Said<UnbilledFigures>[] }
);
