/** Generated from the OpenAPI document: a change to it is made there. */
import { type ClientOptions, Requester } from './runtime.js';

export type FieldError = { readonly field: string; readonly message: string };
export type Problem = { readonly type: string; readonly title: string; readonly status: number; readonly detail: string; readonly code: string; readonly errors: readonly (FieldError)[] };
export type TenantPage = { readonly items: readonly (Tenant)[]; readonly nextCursor: string | null };
export type Tenant = { readonly tenantId: string; readonly name: string | null; readonly currency: string; readonly currencies: readonly (string)[]; readonly timeZone: string; readonly address: string | null; readonly taxNumber: string | null; readonly email: string | null; readonly eInvoice: Buyer | null; readonly paymentTermsDays: number | null; readonly gracePeriods: readonly (GracePeriod)[]; readonly taxes: readonly (Tax)[]; readonly credits: readonly (TenantCredit)[] };
export type Buyer = { readonly street?: string; readonly city?: string; readonly postalCode?: string; readonly countryCode?: string; readonly vatId?: string; readonly registrationId?: string; readonly electronicAddress?: ElectronicAddress; readonly buyerReference?: string; readonly untaxed?: Untaxed };
export type ElectronicAddress = { readonly scheme: string; readonly id: string };
export type Untaxed = { readonly category: "Z" | "E" | "AE" | "K" | "G" | "O"; readonly reason?: string; readonly reasonCode?: string };
export type GracePeriod = { readonly hours: number; readonly from: string };
export type Tax = { readonly name: string; readonly ratePercent: string; readonly from: string };
export type TenantCredit = { readonly currency: string; readonly amount: string };
export type PayerPage = { readonly items: readonly (Payer)[]; readonly nextCursor: string | null };
export type Payer = { readonly tenantId: string; readonly payerId: string | null; readonly effectiveFrom: string; readonly effectiveUntil: string | null; readonly period: OpenPeriod };
export type OpenPeriod = { readonly start: string; readonly end: string | null };
export type DeploymentPage = { readonly items: readonly (Deployment)[]; readonly nextCursor: string | null };
export type Deployment = { readonly deploymentId: string; readonly name: string; readonly tenantId: string | null; readonly assignments: readonly (Assignment)[] };
export type Assignment = { readonly tenantId: string; readonly from: string };
export type PlanSubscriptionPage = { readonly items: readonly (PlanSubscription)[]; readonly nextCursor: string | null };
export type PlanSubscription = { readonly subscriptionId: string; readonly deploymentId: string; readonly tenantId: string | null; readonly planId: string | null; readonly period: OpenPeriod; readonly anchor: string | null; readonly plans: readonly (SubscribedPlan)[]; readonly overrides: readonly (Overrides)[]; readonly tenancies: readonly (Tenancy)[] };
export type SubscribedPlan = { readonly planId: string; readonly from: string };
export type Overrides = { readonly tenantId: string; readonly period: OpenPeriod; readonly currency: string; readonly interval: "month" | "year"; readonly baseFee?: string; readonly items: readonly (OverriddenItem)[] };
export type OverriddenItem = { readonly billingKind: string; readonly filter?: Readonly<Record<string, unknown>>; readonly price?: Readonly<Record<string, unknown>>; readonly included?: string | null; readonly discounts?: Readonly<Record<string, unknown>>; readonly commitments?: Readonly<Record<string, unknown>>; readonly aggregation: string; readonly unitConversion?: Readonly<Record<string, unknown>> };
export type Tenancy = { readonly tenantId: string; readonly period: OpenPeriod };
export type ResourcePage = { readonly items: readonly (Resource)[]; readonly nextCursor: string | null };
export type Resource = { readonly provider: string; readonly providerId: string; readonly kind: string; readonly name: string; readonly region: string | null; readonly project: string | null; readonly status: string; readonly sizeSlug: string | null; readonly sizeGb: string | null; readonly tenantId: string | null; readonly deploymentId: string | null; readonly tags: readonly (string)[]; readonly attrs: Readonly<Record<string, unknown>>; readonly firstSeenAt: string; readonly lastSeenAt: string; readonly staleStrikeCount: number; readonly deletedAt: string | null };
export type MeteredDayPage = { readonly items: readonly (MeteredDay)[]; readonly nextCursor: string | null };
export type MeteredDay = { readonly date: string; readonly recordCount: number; readonly skipped: readonly ({ readonly reason: string })[] };
export type DayToMeterPage = { readonly items: readonly (DayToMeter)[]; readonly nextCursor: string | null };
export type DayToMeter = { readonly date: string; readonly reason: "not_metered" | "changed_since"; readonly causes: readonly (string)[]; readonly readings: number; readonly resources: readonly (ResourceToMeter)[] };
export type ResourceToMeter = { readonly provider: string; readonly resourceId: string; readonly deploymentId: string; readonly billingKind: string };
export type UsageRecordPage = { readonly items: readonly (UsageRecord)[]; readonly nextCursor: string | null; readonly pruned?: readonly (string)[] };
export type UsageRecord = { readonly deploymentId: string; readonly provider: string | null; readonly resourceId: string; readonly billingKind: string; readonly period: Period; readonly granularity: "hour" | "day" | "event"; readonly sourceId: string | null; readonly quantity: string; readonly rateKey: RateKey | null; readonly attributes: Readonly<Record<string, unknown>> | null; readonly subAttribution: Readonly<Record<string, unknown>> | null; readonly origin: "command" | "metering" | "backfill"; readonly correctedBy: "command" | "metering" | "backfill" | null };
export type Period = { readonly start: string; readonly end: string };
export type RateKey = { readonly resourceType: string; readonly resourceFamily: string; readonly location: string };
export type UsageAnswer = Readonly<Record<string, string>>;
export type UnbilledUsagePage = { readonly items: readonly (UnbilledUsage)[]; readonly nextCursor: string | null };
export type UnbilledUsage = { readonly deploymentId: string; readonly billingKind: string; readonly reason: "no_subscription" | "no_plan_item" | "not_metered" | "changed_since"; readonly readings: number; readonly quantity: string; readonly period: Period };
export type RatePage = { readonly items: readonly (Rate)[]; readonly nextCursor: string | null };
export type Rate = { readonly resourceType: string; readonly resourceFamily: string; readonly location: string; readonly unit: string | null; readonly unitPrice: string; readonly currency: string; readonly basis: "duration" | "amount"; readonly public: boolean; readonly effectiveFrom: string; readonly effectiveUntil: string | null; readonly period: OpenPeriod };
export type PlanPage = { readonly items: readonly (Plan)[]; readonly nextCursor: string | null };
export type Plan = { readonly planId: string; readonly name: string; readonly currency: string; readonly baseFee: string; readonly paymentTerm: "in_advance" | "in_arrears"; readonly interval: "month" | "year"; readonly public: boolean; readonly effectiveFrom: string; readonly effectiveUntil: string | null; readonly period: OpenPeriod; readonly items: readonly (PlanItem)[] };
export type PlanItem = { readonly billingKind: string; readonly price: Readonly<Record<string, unknown>>; readonly aggregation: string; readonly included?: string; readonly pooled?: boolean; readonly unitConversion?: Readonly<Record<string, unknown>>; readonly discounts?: Readonly<Record<string, unknown>>; readonly commitments?: Readonly<Record<string, unknown>>; readonly filter?: Readonly<Record<string, unknown>>; readonly uniqueBy?: string };
export type CommitmentPage = { readonly items: readonly (Commitment)[]; readonly nextCursor: string | null };
export type Commitment = { readonly commitmentId: string; readonly subscriptionId: string; readonly deploymentId: string; readonly tenantId: string; readonly currency: string; readonly billingKinds: readonly (string)[] | null; readonly terms: readonly (CommitmentTerm)[] };
export type CommitmentTerm = { readonly period: Period; readonly lineId: string | null; readonly state: "upcoming" | "running" | "ended" | "not_held"; readonly committed: string; readonly drawnDown: string | null; readonly remaining: string | null; readonly trueUp: string; readonly billed: string; readonly quarantine: Quarantine | null };
export type Quarantine = { readonly code: string; readonly message: string };
export type Quote = { readonly planId: string; readonly currency: string; readonly lines: readonly (QuoteLine)[]; readonly subtotal: string; readonly tax: string; readonly total: string; readonly unbilled: readonly (UnbilledQuantity)[] };
export type QuoteLine = { readonly billingKind: string; readonly quantity: string; readonly included: string; readonly billable: string; readonly rows: readonly (Row)[]; readonly net: string };
export type Row = { readonly ref: string; readonly quantity: string; readonly unitAmount: string; readonly unit?: string; readonly arithmetic?: string; readonly gross: string; readonly discount: string; readonly credit: string; readonly net: string; readonly rowId?: string; readonly kind?: "charge" | "reversal" | "rebooked" | "credit_note"; readonly chargePeriod?: Period; readonly credits?: readonly (CreditTaken)[]; readonly taxRatePercent?: string; readonly tax?: string; readonly corrects?: readonly (string)[]; readonly correctsInvoices?: readonly (string)[]; readonly price?: RowPrice; readonly reason?: string };
export type CreditTaken = { readonly creditId: string; readonly amount: string };
export type RowPrice = { readonly planId: string; readonly rateKey: string | null; readonly amount: string; readonly effectiveFrom: string; readonly setBy: PriceChange | null };
export type PriceChange = { readonly position: number; readonly recordedAt: string; readonly reason: string | null };
export type UnbilledQuantity = { readonly billingKind: string; readonly quantity: string };
export type QuoteQuestion = { readonly asOf?: string; readonly knownAt?: string; readonly at?: string; readonly planId?: string; readonly plan?: { readonly planId: string; readonly name: string; readonly currency: string; readonly baseFee: string; readonly paymentTerm: "in_advance" | "in_arrears"; readonly interval?: "month" | "year"; readonly public?: boolean; readonly effectiveFrom: string; readonly items: readonly ({ readonly billingKind: string; readonly price: { readonly model: "flat"; readonly amount: string; readonly paymentTerm: "in_advance" | "in_arrears" } | { readonly model: "unit"; readonly unitAmount: string } | { readonly model: "graduated"; readonly tiers: readonly ({ readonly upTo: string | null; readonly unitAmount?: string; readonly flatAmount?: string })[] } | { readonly model: "volume"; readonly tiers: readonly ({ readonly upTo: string | null; readonly unitAmount?: string; readonly flatAmount?: string })[] } | { readonly model: "package"; readonly packageSize: string; readonly packageAmount: string } | { readonly model: "dynamic"; readonly multiplier: string } | { readonly model: "percentage"; readonly percent: string; readonly fixedAmount?: string } | { readonly model: "rate_card" }; readonly included?: string; readonly unitConversion?: { readonly operation: "divide" | "multiply"; readonly factor: string; readonly rounding?: "none" | "ceiling" | "floor" | "half_up"; readonly precision?: number }; readonly discounts?: { readonly percentage?: string; readonly quantity?: string }; readonly commitments?: { readonly minimum?: string; readonly maximum?: string }; readonly aggregation?: "sum" | "count" | "max" | "unique_count" | "latest" | "average" | "minimum"; readonly filter?: Readonly<Record<string, string>>; readonly uniqueBy?: string; readonly pooled?: boolean })[] }; readonly subscriptionId?: string; readonly usage: Readonly<Record<string, string>>; readonly period?: { readonly start: string; readonly end: string }; readonly tenantId?: string };
export type ProviderTotalPage = { readonly items: readonly (ProviderTotal)[]; readonly nextCursor: string | null };
export type ProviderTotal = { readonly provider: string; readonly invoiceRef: string; readonly currency: string; readonly period: string; readonly total: string; readonly tax: string };
export type CostSharingPage = { readonly items: readonly (CostSharing)[]; readonly nextCursor: string | null };
export type CostSharing = { readonly policyId: string; readonly costs: SharedCosts; readonly method: "none" | "even" | "direct_cost" | "usage" | "revenue" | "weights"; readonly billingKind: string | null; readonly capacity: string | null; readonly weights: readonly (SharingWeight)[] | null; readonly effectiveFrom: string; readonly effectiveUntil: string | null; readonly period: OpenPeriod };
export type SharedCosts = { readonly provider?: string; readonly kind?: string; readonly tag?: CostTag; readonly unattributed?: boolean };
export type CostTag = { readonly key: string; readonly value: string };
export type SharingWeight = { readonly tenantId: string; readonly percent: string };
export type SharingPreview = { readonly policyId: string; readonly currency: string; readonly position: number; readonly months: readonly (SharingMonth)[] };
export type SharingMonth = { readonly month: string; readonly before: SharingMargin; readonly after: SharingMargin };
export type MarginFigures = { readonly revenue: string; readonly cogs: string; readonly margin: string; readonly marginPct: string | null; readonly directCogs: string; readonly sharedCogs: string; readonly directMargin: string; readonly directMarginPct: string | null };
export type TenantMargin = { readonly tenantId: string; readonly revenue: string; readonly cogs: string; readonly margin: string; readonly marginPct: string | null; readonly directCogs: string; readonly sharedCogs: string; readonly directMargin: string; readonly directMarginPct: string | null };
export type UnattributedCogs = { readonly cogs: string; readonly directCogs: string; readonly sharedCogs: string };
export type SharedCost = { readonly policyId: string; readonly effectiveFrom: string; readonly method: "none" | "even" | "direct_cost" | "usage" | "revenue" | "weights"; readonly billingKind: string | null; readonly amount: string; readonly basis: string; readonly fallback: "even" | "unattributed" | null; readonly pool: SharedPool | null; readonly parts: readonly (SharedPart)[] };
export type SharedPool = { readonly cost: string; readonly capacity: string; readonly sold: string; readonly remainder: string };
export type SharedPart = { readonly tenantId: string | null; readonly deploymentId: string | null; readonly tenantBasis: string; readonly basis: string; readonly amount: string };
export type SharingMargin = { readonly overall: MarginFigures; readonly byTenant: readonly (TenantMargin)[]; readonly unattributed: UnattributedCogs; readonly shared: readonly (SharedCost)[] };
export type CostSharingPreviewQuestion = { readonly asOf?: string; readonly knownAt?: string; readonly costs: { readonly provider?: string; readonly kind?: string; readonly tag?: { readonly key: string; readonly value: string }; readonly unattributed?: true }; readonly method: "none" | "even" | "direct_cost" | "usage" | "revenue" | "weights"; readonly billingKind?: string; readonly capacity?: string; readonly weights?: readonly ({ readonly tenantId: string; readonly percent: string })[]; readonly policyId: string; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly from?: string; readonly to?: string; readonly currency?: string };
export type KindMappingPage = { readonly items: readonly (KindMapping)[]; readonly nextCursor: string | null };
export type KindMapping = { readonly provider: string; readonly kind: string; readonly billingKinds: readonly (string)[]; readonly effectiveFrom: string; readonly effectiveUntil: string | null; readonly period: OpenPeriod };
export type MappingPreview = { readonly provider: string; readonly kind: string; readonly currency: string; readonly position: number; readonly months: readonly (MappingMonth)[] };
export type MappingMonth = { readonly month: string; readonly before: Units; readonly after: Units };
export type KindUnits = { readonly billingKind: string; readonly meteredQuantity: string | null; readonly meteredUnit: string | null; readonly billedQuantity: string | null; readonly billedUnit: string | null; readonly revenue: string; readonly cogs: string; readonly margin: string; readonly marginPct: string | null; readonly directCogs: string; readonly sharedCogs: string; readonly directMargin: string; readonly directMarginPct: string | null; readonly revenuePerMeteredUnit: string | null; readonly cogsPerMeteredUnit: string | null; readonly marginPerMeteredUnit: string | null; readonly revenuePerBilledUnit: string | null };
export type UnitCogs = { readonly cogs: string; readonly directCogs: string; readonly sharedCogs: string };
export type IdlePart = { readonly cogs: string; readonly directCogs: string; readonly sharedCogs: string; readonly provider: string; readonly kind: string; readonly reason: "off" | "unsold" | "remainder" };
export type IdleCogs = { readonly cogs: string; readonly directCogs: string; readonly sharedCogs: string; readonly parts: readonly (IdlePart)[] };
export type KindCost = { readonly provider: string; readonly kind: string; readonly source: "recorded" | "default" | "none"; readonly billingKind: string | null; readonly basis: "only" | "usage" | "even" | null; readonly cogs: string; readonly directCogs: string; readonly sharedCogs: string };
export type Units = { readonly overall: MarginFigures; readonly byKind: readonly (KindUnits)[]; readonly unmapped: UnitCogs; readonly idle: IdleCogs; readonly unattributed: UnitCogs; readonly costs: readonly (KindCost)[] };
export type KindMappingPreviewQuestion = { readonly asOf?: string; readonly knownAt?: string; readonly billingKinds: readonly (string)[]; readonly provider: string; readonly kind: string; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly from?: string; readonly to?: string; readonly currency?: string };
export type BudgetPage = { readonly items: readonly (Budget)[]; readonly nextCursor: string | null };
export type Budget = { readonly tenantId: string; readonly budgetId: string; readonly month: string; readonly period: Period; readonly currency: string | null; readonly billingKind: string | null; readonly limit: string; readonly value: string; readonly percent: string; readonly thresholds: readonly (BudgetThreshold)[]; readonly quarantinedLines: number; readonly effectiveFrom: string; readonly effectiveUntil: string | null };
export type BudgetThreshold = { readonly percent: string; readonly isReached: boolean; readonly recorded: BudgetCrossing | null };
export type BudgetCrossing = { readonly state: "reached" | "undone"; readonly reachedAt: number; readonly reachedValue: string; readonly undoneAt: number | null; readonly undoneValue: string | null };
export type LinePage = { readonly items: readonly (Line)[]; readonly nextCursor: string | null };
export type Line = { readonly lineId: string; readonly parentLineId: string | null; readonly status: "valid" | "split"; readonly invoiceId: string | null; readonly tenantId: string; readonly subscriptionId: string; readonly deploymentId: string; readonly billingKind: string; readonly filter: Readonly<Record<string, unknown>> | null; readonly currency: string; readonly period: Period; readonly quantity: string; readonly rows: readonly (Row)[]; readonly net: string; readonly quarantine: Quarantine | null };
export type LineWithParts = { readonly lineId: string; readonly parentLineId: string | null; readonly status: "valid" | "split"; readonly invoiceId: string | null; readonly tenantId: string; readonly subscriptionId: string; readonly deploymentId: string; readonly billingKind: string; readonly filter: Readonly<Record<string, unknown>> | null; readonly currency: string; readonly period: Period; readonly quantity: string; readonly rows: readonly (Row)[]; readonly net: string; readonly quarantine: Quarantine | null; readonly parts?: readonly (Line)[]; readonly partsNet?: string };
export type InvoicePage = { readonly items: readonly (Invoice)[]; readonly nextCursor: string | null };
export type Invoice = { readonly invoiceId: string; readonly number: string | null; readonly status: "draft" | "issued" | "paid" | "void"; readonly tenantId: string; readonly payerId: string | null; readonly currency: string; readonly asOf: string; readonly lines: readonly (InvoiceLine)[]; readonly subtotal: string; readonly tax: string; readonly total: string; readonly taxes: readonly (InvoiceTax)[]; readonly quarantined: readonly (QuarantinedLine)[]; readonly selection: Readonly<Record<string, unknown>> | null; readonly issuedAt: string | null; readonly dueAt: string | null; readonly paidAt: string | null; readonly voidedAt: string | null; readonly computedAt: number | null; readonly creditTaken: string; readonly amountDue: string; readonly amountPaid: string; readonly consolidatedInvoiceId: string | null; readonly consolidatedInvoiceNumber: string | null; readonly creditNotes: readonly (CreditNoteReference)[] };
export type InvoiceLine = { readonly lineId: string; readonly parentLineId: string | null; readonly parentPeriod: Period | null; readonly subscriptionId: string | null; readonly deploymentId: string | null; readonly billingKind: string; readonly filter: Readonly<Record<string, unknown>> | null; readonly period: Period; readonly quantity: string; readonly included: string | null; readonly unitConversion: Readonly<Record<string, unknown>> | null; readonly rows: readonly (Row)[]; readonly net: string; readonly tax: string; readonly correction: boolean };
export type InvoiceTax = { readonly name: string | null; readonly ratePercent: string; readonly net: string; readonly tax: string };
export type QuarantinedLine = { readonly lineId: string; readonly code: string; readonly message: string };
export type CreditNoteReference = { readonly creditNoteId: string; readonly number: string; readonly issuedAt: string; readonly reason: string; readonly total: string };
export type InvoicePreview = { readonly invoiceId: null; readonly number: null; readonly status: "preview"; readonly tenantId: string; readonly payerId: string | null; readonly currency: string; readonly asOf: string; readonly lines: readonly (InvoiceLine)[]; readonly subtotal: string; readonly tax: string; readonly total: string; readonly taxes: readonly (InvoiceTax)[]; readonly quarantined: readonly (QuarantinedLine)[]; readonly otherCurrencies: readonly (string)[] };
export type CreditNotePage = { readonly items: readonly (CreditNote)[]; readonly nextCursor: string | null };
export type CreditNote = { readonly creditNoteId: string; readonly number: string; readonly invoiceId: string; readonly tenantId: string; readonly payerId: string | null; readonly currency: string; readonly issuedAt: string; readonly reason: string; readonly subtotal: string; readonly tax: string; readonly total: string };
export type CreditNoteWithRows = { readonly creditNoteId: string; readonly number: string; readonly invoiceId: string; readonly tenantId: string; readonly payerId: string | null; readonly currency: string; readonly issuedAt: string; readonly reason: string; readonly subtotal: string; readonly tax: string; readonly total: string; readonly rows: readonly (CreditNoteRow)[] };
export type CreditNoteRow = { readonly lineId: string; readonly deploymentId: string; readonly billingKind: string; readonly filter: Readonly<Record<string, unknown>> | null; readonly period: Period; readonly ref: string; readonly quantity: string; readonly unitAmount: string; readonly unit?: string; readonly arithmetic?: string; readonly gross: string; readonly discount: string; readonly credit: string; readonly net: string; readonly rowId?: string; readonly kind?: "charge" | "reversal" | "rebooked" | "credit_note"; readonly chargePeriod?: Period; readonly credits?: readonly (CreditTaken)[]; readonly taxRatePercent?: string; readonly tax?: string; readonly corrects?: readonly (string)[]; readonly correctsInvoices?: readonly (string)[]; readonly price?: RowPrice; readonly reason?: string };
export type ConsolidatedInvoicePage = { readonly items: readonly (ConsolidatedInvoice)[]; readonly nextCursor: string | null };
export type ConsolidatedInvoice = { readonly consolidatedInvoiceId: string; readonly number: string; readonly status: "issued" | "paid" | "void"; readonly payerId: string; readonly currency: string; readonly issuedAt: string; readonly dueAt: string | null; readonly voidedAt: string | null; readonly tenants: readonly (ConsolidatedTenant)[]; readonly taxes: readonly (InvoiceTax)[]; readonly subtotal: string; readonly tax: string; readonly total: string; readonly creditTaken: string; readonly amountDue: string; readonly amountPaid: string };
export type ConsolidatedTenant = { readonly tenantId: string; readonly invoices: readonly (ConsolidatedMember)[]; readonly subtotal: string; readonly tax: string; readonly total: string };
export type ConsolidatedMember = { readonly invoiceId: string; readonly number: string; readonly status: "draft" | "issued" | "paid" | "void"; readonly subtotal: string; readonly tax: string; readonly total: string; readonly amountDue: string; readonly amountPaid: string };
export type PaymentPage = { readonly items: readonly (Payment)[]; readonly nextCursor: string | null };
export type Payment = { readonly tenantId: string; readonly currency: string; readonly paymentId: string; readonly amount: string; readonly at: string; readonly payerId: string | null; readonly transferId: string | null; readonly reference: string | null; readonly applied: readonly (Application)[]; readonly unapplied: string; readonly refunded: string };
export type Application = { readonly invoiceId: string; readonly number: string; readonly amount: string; readonly at: string; readonly applicationId: string | null };
export type TransferPage = { readonly items: readonly (Transfer)[]; readonly nextCursor: string | null };
export type Transfer = { readonly payerId: string; readonly currency: string; readonly transferId: string; readonly amount: string; readonly at: string; readonly reference: string | null; readonly shares: readonly (TransferShare)[] };
export type TransferShare = { readonly tenantId: string; readonly paymentId: string; readonly amount: string; readonly isRecorded: boolean; readonly applied: readonly (TransferApplication)[]; readonly unapplied: string; readonly refunded: string };
export type TransferApplication = { readonly invoiceId: string; readonly number: string; readonly amount: string };
export type Books = { readonly closedUntil: string | null; readonly closings: readonly (Closing)[] };
export type Closing = { readonly month: string; readonly position: number };
export type Statement = { readonly tenantId: string; readonly payerId: string | null; readonly currency: string; readonly otherCurrencies: readonly (string)[]; readonly period: Period; readonly opening: string; readonly entries: readonly (StatementEntry)[]; readonly invoiced: string; readonly voided: string; readonly credited: string; readonly paid: string; readonly refunded: string; readonly closing: string; readonly owedByPayers: readonly (OwedByPayer)[]; readonly ownClosing: string; readonly prepaid: PrepaidCredit; readonly standing: AccountStanding };
export type StatementEntry = { readonly tenantId: string; readonly at: string; readonly type: "invoice" | "credit_note" | "void" | "payment" | "invoice_payment" | "refund"; readonly id: string; readonly number: string | null; readonly reference: string | null; readonly reason: string | null; readonly amount: string; readonly corrections: string | null; readonly applied: readonly (AppliedPayment)[]; readonly payerId: string | null; readonly balance: string };
export type AppliedPayment = { readonly number: string; readonly amount: string };
export type OwedByPayer = { readonly payerId: string; readonly closing: string; readonly due: string };
export type ToppedUp = { readonly creditId: string; readonly at: string; readonly amount: string };
export type PrepaidCredit = { readonly opening: string; readonly topUps: readonly (ToppedUp)[]; readonly bought: string; readonly used: string; readonly expired: string; readonly closing: string };
export type AccountStanding = { readonly due: string; readonly credit: string; readonly unapplied: string; readonly balance: string; readonly ownBalance: string };
export type StatementCsvAnswer = string;
export type StatementDocumentAnswer = string;
export type InvoiceDocumentAnswer = string;
export type CreditNoteDocumentAnswer = string;
export type ConsolidatedInvoiceDocumentAnswer = string;
export type InvoiceUblAnswer = string;
export type InvoiceCiiAnswer = string;
export type CreditNoteUblAnswer = string;
export type CreditNoteCiiAnswer = string;
export type CreditPage = { readonly items: readonly (Credit)[]; readonly nextCursor: string | null };
export type Credit = { readonly creditId: string; readonly tenantId: string; readonly currency: string; readonly kind: "coupon" | "credit"; readonly amount?: string; readonly left?: string; readonly balance?: string; readonly priority?: number; readonly planIds?: readonly (string)[] | null; readonly rollover?: Rollover | null; readonly payment?: TopUp | null; readonly percent?: string; readonly billingKinds: readonly (string)[] | null; readonly taken: string; readonly uses: readonly (CreditUse)[]; readonly period: OpenPeriod; readonly reason: string | null; readonly revocationReason: string | null };
export type Rollover = { readonly percent: string; readonly until: string };
export type TopUp = { readonly reference: string; readonly at: string };
export type CreditUse = { readonly invoiceId: string; readonly number: string; readonly amount: string };
export type Margin = { readonly period: string; readonly currency: string; readonly overall: MarginFigures; readonly byTenant: readonly (TenantMargin)[]; readonly byDeployment: readonly (DeploymentMargin)[]; readonly byKind: MarginByKind; readonly unattributed: UnattributedCogs; readonly idle: IdleOfMonth; readonly shared: readonly (SharedCost)[]; readonly estimate: MarginEstimate; readonly otherCurrencies: readonly (string)[] };
export type DeploymentMargin = { readonly tenantId: string; readonly deploymentId: string | null; readonly revenue: string; readonly cogs: string; readonly margin: string; readonly marginPct: string | null; readonly directCogs: string; readonly sharedCogs: string; readonly directMargin: string; readonly directMarginPct: string | null };
export type MarginByKind = { readonly revenue: readonly (KindRevenue)[]; readonly cogs: readonly (KindCogs)[] };
export type KindRevenue = { readonly billingKind: string; readonly revenue: string };
export type KindCogs = { readonly kind: string; readonly cogs: string };
export type IdleOfHolder = { readonly tenantId: string | null; readonly deploymentId: string | null; readonly cogs: string };
export type IdleOfMonth = { readonly cogs: string; readonly directCogs: string; readonly sharedCogs: string; readonly parts: readonly (IdlePart)[]; readonly byHolder: readonly (IdleOfHolder)[] };
export type TenantEstimate = { readonly tenantId: string; readonly estimatedCost: string; readonly marginWithEstimate: string };
export type KindEstimate = { readonly billingKind: string; readonly provider: string | null; readonly quantity: string; readonly estimatedCost: string };
export type MarginEstimate = { readonly estimatedCost: string; readonly marginWithEstimate: string; readonly byTenant: readonly (TenantEstimate)[]; readonly byKind: readonly (KindEstimate)[] };
export type MarginTrend = { readonly currency: string; readonly months: readonly (MonthMargin)[] };
export type MonthMargin = { readonly month: string; readonly revenue: string; readonly cogs: string; readonly margin: string; readonly marginPct: string | null; readonly directCogs: string; readonly sharedCogs: string; readonly directMargin: string; readonly directMarginPct: string | null; readonly coveragePct: string | null; readonly estimatedCost: string; readonly marginWithEstimate: string; readonly byTenant?: readonly (TenantMargin)[]; readonly byDeployment?: readonly (DeploymentMargin)[]; readonly byKind?: MarginByKind };
export type MarginBridge = { readonly currency: string; readonly from: BridgeEnd; readonly to: BridgeEnd; readonly overall: BridgeFigures; readonly byTenant: readonly (TenantBridge)[]; readonly unattributed: BridgeFigures; readonly parts: readonly (BridgePart)[]; readonly explain: readonly (string)[] };
export type BridgeEnd = { readonly period: string; readonly position: number };
export type BridgeFigures = { readonly from: string; readonly to: string; readonly difference: string; readonly price: string; readonly volume: string; readonly mix: string; readonly newBusiness: string; readonly lostBusiness: string; readonly fees: string; readonly corrections: string; readonly cost: string; readonly newResources: string; readonly goneResources: string; readonly sameResources: string; readonly costWithoutResource: string; readonly sharedCost: string; readonly moves: string };
export type TenantBridge = { readonly tenantId: string; readonly is: "new" | "gone" | "both"; readonly from: string; readonly to: string; readonly difference: string; readonly price: string; readonly volume: string; readonly mix: string; readonly newBusiness: string; readonly lostBusiness: string; readonly fees: string; readonly corrections: string; readonly cost: string; readonly newResources: string; readonly goneResources: string; readonly sameResources: string; readonly costWithoutResource: string; readonly sharedCost: string; readonly moves: string };
export type BridgePart = { readonly part: "price" | "volume" | "mix" | "new_business" | "lost_business" | "fees" | "corrections" | "new_resources" | "gone_resources" | "same_resources" | "cost_without_resource" | "shared_cost" | "moves"; readonly amount: string; readonly stepCount: number; readonly steps: readonly (BridgeStep)[]; readonly eventCount: number; readonly events: readonly (EventReference)[] };
export type BridgeStep = { readonly amount: string; readonly tenantId: string | null; readonly deploymentId: string | null; readonly billingKind: string | null; readonly provider: string | null; readonly kind: string | null; readonly resourceId: string | null; readonly from: BridgeSide | null; readonly to: BridgeSide | null };
export type BridgeSide = { readonly amount: string; readonly quantity: string | null };
export type EventReference = { readonly position: number; readonly stream: string; readonly revision: number; readonly eventId: string; readonly type: string; readonly recordedAt: string; readonly actor: string; readonly occurredAt: string | null; readonly command: string | null; readonly idempotencyKey: string | null; readonly reason: string | null; readonly source: EventSource | null };
export type EventSource = { readonly file: string; readonly sha256?: string; readonly rows: string };
export type MarginAlertPage = { readonly items: readonly (MarginAlert)[]; readonly nextCursor: string | null };
export type MarginAlert = { readonly alertId: string; readonly when: "margin_below" | "margin_drop" | "unattributed_above" | "cost_off_average"; readonly percent: string; readonly currency: string; readonly by: "tenant" | null; readonly provider: string | null; readonly kind: string | null; readonly days: number | null; readonly minimum: string | null; readonly effectiveFrom: string; readonly effectiveUntil: string | null; readonly period: OpenPeriod };
export type AlertPage = { readonly items: readonly (Alert)[]; readonly nextCursor: string | null };
export type Alert = { readonly id: string; readonly alertId: string; readonly when: "margin_below" | "margin_drop" | "unattributed_above" | "cost_off_average"; readonly period: string; readonly currency: string; readonly tenantId: string | null; readonly provider: string | null; readonly kind: string | null; readonly state: "raised" | "cleared"; readonly value: string | null; readonly threshold: string; readonly raisedAt: number; readonly clearedAt: number | null; readonly clearedValue: string | null };
export type CostRatePage = { readonly items: readonly (CostRate)[]; readonly nextCursor: string | null };
export type CostRate = { readonly billingKind: string; readonly provider: string | null; readonly region: string | null; readonly unitCost: string; readonly currency: string; readonly effectiveFrom: string; readonly effectiveUntil: string | null; readonly period: OpenPeriod };
export type CostVariance = { readonly currency: string; readonly months: readonly (MonthVariance)[] };
export type MonthVariance = { readonly month: string; readonly byKind: readonly (KindVariance)[] };
export type KindVariance = { readonly billingKind: string; readonly quantity: string; readonly estimate: string; readonly actual: string; readonly variance: string };
export type MarginUnits = { readonly from: string; readonly to: string; readonly currency: string; readonly overall: MarginFigures; readonly byKind: readonly (KindUnits)[]; readonly unmapped: UnitCogs; readonly idle: IdleCogs; readonly unattributed: UnitCogs; readonly costs: readonly (KindCost)[]; readonly months?: readonly (MonthUnits)[] };
export type MonthUnits = { readonly month: string; readonly overall: MarginFigures; readonly byKind: readonly (KindUnits)[]; readonly unmapped: UnitCogs; readonly idle: IdleCogs; readonly unattributed: UnitCogs; readonly costs: readonly (KindCost)[] };
export type PriceRealisation = { readonly from: string; readonly to: string; readonly currency: string; readonly overall: Realisation; readonly byKind: readonly (KindRealisation)[]; readonly months?: readonly (MonthRealisation)[] };
export type Realisation = { readonly list: string; readonly allowance: string; readonly discount: string; readonly maximum: string; readonly minimum: string; readonly coupon: string; readonly credit: string; readonly creditNotes: string; readonly other: string; readonly billed: string; readonly realisationPct: string | null; readonly difference: string };
export type KindRealisation = { readonly billingKind: string; readonly quantity: string; readonly list: string; readonly allowance: string; readonly discount: string; readonly maximum: string; readonly minimum: string; readonly coupon: string; readonly credit: string; readonly creditNotes: string; readonly other: string; readonly billed: string; readonly realisationPct: string | null; readonly difference: string };
export type MonthRealisation = { readonly month: string; readonly overall: Realisation; readonly byKind: readonly (KindRealisation)[] };
export type Reconciliation = { readonly period: string; readonly currency: string; readonly provider: ProviderInvoices; readonly issued: IssuedAgainstRevenue; readonly lists: readonly (OpenList)[]; readonly otherCurrencies: readonly (string)[] };
export type ProviderInvoices = { readonly count: number; readonly total: string; readonly tax: string; readonly stated: string; readonly difference: string; readonly taxDifference: string; readonly items: readonly (ReconciledBill)[] };
export type ReconciledBill = { readonly provider: string; readonly invoiceRef: string; readonly invoices: readonly (string)[]; readonly lines: number; readonly net: string; readonly tax: string; readonly total: string; readonly stated: StatedTotal | null; readonly difference: string | null; readonly taxDifference: string | null; readonly status: "equal" | "differs" | "not_recorded" | "not_imported"; readonly remedy: string | null };
export type StatedTotal = { readonly period: string; readonly total: string; readonly tax: string };
export type IssuedAgainstRevenue = { readonly issued: string; readonly revenue: string; readonly difference: string; readonly items: readonly (IssuedOfTenant)[]; readonly remedy: string | null };
export type IssuedOfTenant = { readonly tenantId: string; readonly issued: string; readonly revenue: string; readonly difference: string };
export type OpenList = { readonly list: "kinds_not_metered" | "kinds_not_mapped" | "usage_without_price" | "usage_unbilled" | "cost_without_inventory" | "inventory_without_cost" | "usage_without_cost" | "cost_without_usage"; readonly count: number; readonly amount: string | null; readonly items: readonly (OpenItem)[]; readonly remedy: string };
export type OpenItem = { readonly provider: string | null; readonly kind: string | null; readonly resourceId: string | null; readonly tenantId: string | null; readonly deploymentId: string | null; readonly billingKind: string | null; readonly lineId: string | null; readonly quantity: string | null; readonly amount: string | null; readonly count: number; readonly reason: string | null; readonly lines: readonly (CostLineRef)[] | null };
export type CostLineRef = { readonly invoiceRef: string; readonly lineKey: string };
export type OpenItemPage = { readonly items: readonly (OpenItem)[]; readonly nextCursor: string | null };
export type ReconciledBillPage = { readonly items: readonly (ReconciledBill)[]; readonly nextCursor: string | null };
export type Accrual = { readonly at: string; readonly currency: string; readonly subscriptions: readonly (AccruedSubscription)[]; readonly accrued: string; readonly issued: string; readonly unbilled: string; readonly dueAtPeriodEnd: string; readonly total: string; readonly otherCurrencies: readonly (string)[] };
export type AccruedSubscription = { readonly subscriptionId: string; readonly tenantId: string; readonly deploymentId: string; readonly lines: readonly (AccruedLine)[]; readonly accrued: string; readonly issued: string; readonly unbilled: string; readonly dueAtPeriodEnd: string; readonly total: string };
export type AccruedLine = { readonly lineId: string; readonly billingKind: string; readonly period: Period; readonly quantity: string; readonly rows: readonly (Row)[]; readonly accrued: string; readonly issued: string; readonly unbilled: string; readonly dueAtPeriodEnd: string; readonly quarantine: Quarantine | null };
export type OwedCorrectionsPage = { readonly items: readonly (OwedCorrections)[]; readonly nextCursor: string | null };
export type OwedCorrections = { readonly tenantId: string; readonly currency: string; readonly net: string; readonly tax: string; readonly lines: number; readonly notRated: number; readonly reasons: readonly (string)[] };
export type Explained = { readonly id: string; readonly is: "issued"; readonly documents: readonly (ExplainedDocument)[]; readonly rows: readonly (ExplainedRow)[]; readonly rowCount: number; readonly open: ExplainedOpenLine | null } | { readonly id: string; readonly is: "draft"; readonly documents: readonly (ExplainedDocument)[]; readonly rows: readonly (ExplainedRow)[]; readonly rowCount: number; readonly open: ExplainedOpenLine | null } | { readonly id: string; readonly is: "open line"; readonly lineId: string; readonly tenantId: string; readonly billingKind: string; readonly period: Period; readonly quarantine: string | null; readonly parts: readonly (ExplainedPart)[]; readonly usage: OpenUsage; readonly events: readonly (EventReference)[]; readonly eventCount: number } | { readonly id: string; readonly is: "usage record"; readonly versions: readonly (UsageVersion)[]; readonly usedIn: readonly (UsedIn)[]; readonly usedInCount: number } | { readonly id: string; readonly is: "margin"; readonly month: string; readonly currency: string; readonly tenantId: string | null; readonly arithmetic: string; readonly revenue: readonly (ExplainedRevenue)[]; readonly revenueCount: number; readonly costs: readonly (ExplainedCost)[]; readonly costCount: number; readonly shared: readonly (ExplainedSharedCost)[] } | { readonly id: string; readonly is: "event"; readonly event: Event; readonly usedIn: readonly (UsedIn)[] | null; readonly usedInCount: number; readonly margin: readonly (string)[] };
export type ExplainedDocument = { readonly documentId: string; readonly number: string | null; readonly status: "draft" | "issued" | "paid" | "void"; readonly tenantId: string; readonly currency: string; readonly credits: string | null; readonly arithmetic: string; readonly reason: string | null; readonly events: readonly (EventReference)[] };
export type ExplainedRow = { readonly invoiceId: string; readonly number: string | null; readonly computedAt: number; readonly filter: Readonly<Record<string, unknown>> | null; readonly row: IssuedRow; readonly arithmetic: string; readonly tax: string; readonly price: ExplainedPrice; readonly rates: readonly (ExplainedRate)[]; readonly usage: ReadingsCounted; readonly pool: Pool | null; readonly counted: readonly (CountedLine)[]; readonly corrects: readonly (RelatedRow)[]; readonly correctedBy: readonly (RelatedRow)[]; readonly because: readonly (EventReference)[]; readonly becauseCount: number; readonly events: readonly (EventReference)[]; readonly eventCount: number };
export type IssuedRow = { readonly ref: string; readonly quantity: string; readonly unitAmount: string; readonly unit?: string; readonly arithmetic?: string; readonly gross: string; readonly discount: string; readonly credit: string; readonly net: string; readonly rowId?: string; readonly kind?: "charge" | "reversal" | "rebooked" | "credit_note"; readonly chargePeriod: Period; readonly credits?: readonly (CreditTaken)[]; readonly taxRatePercent?: string; readonly tax?: string; readonly corrects?: readonly (string)[]; readonly correctsInvoices?: readonly (string)[]; readonly price?: RowPrice; readonly reason?: string; readonly lineId: string; readonly partId: string; readonly subscriptionId: string; readonly deploymentId: string; readonly billingKind: string; readonly planId: string; readonly planEffectiveFrom: string };
export type ExplainedPrice = { readonly planId: string; readonly rateKey: string | null; readonly amount: string; readonly effectiveFrom: string; readonly setBy: PriceChange | null; readonly terms: Readonly<Record<string, unknown>> | null };
export type ExplainedRate = { readonly resourceType: string; readonly resourceFamily: string; readonly location: string; readonly effectiveFrom: string; readonly unitPrice: string; readonly event: EventReference | null };
export type ReadingsCounted = { readonly since: string; readonly until: string; readonly quantity: string; readonly readings: number };
export type Pool = { readonly included: string; readonly used: string; readonly unused: string; readonly excess: string; readonly share: string; readonly members: readonly (PoolMember)[] };
export type PoolMember = { readonly tenantId: string; readonly subscriptionId: string; readonly lineId: string; readonly included: string; readonly used: string; readonly share: string };
export type CountedLine = { readonly lineId: string; readonly billingKind: string; readonly period: Period; readonly net: string };
export type RelatedRow = { readonly rowId: string; readonly number: string | null; readonly kind: "charge" | "reversal" | "rebooked" | "credit_note" };
export type ExplainedOpenLine = { readonly is: "open line"; readonly lineId: string; readonly tenantId: string; readonly billingKind: string; readonly period: Period; readonly quarantine: string | null; readonly parts: readonly (ExplainedPart)[]; readonly usage: OpenUsage; readonly events: readonly (EventReference)[]; readonly eventCount: number };
export type ExplainedPart = { readonly partId: string; readonly period: Period; readonly quantity: string; readonly rows: readonly (Row)[] };
export type OpenUsage = { readonly quantity: string; readonly readings: number };
export type UsageVersion = { readonly deploymentId: string; readonly billingKind: string; readonly resourceId: string; readonly period: Period; readonly quantity: string; readonly granularity: "hour" | "day" | "event"; readonly provider: string | null; readonly sourceId: string | null; readonly origin: "command" | "metering" | "backfill"; readonly isInForce: boolean; readonly file: FileRow | null; readonly event: EventReference | null; readonly until: EventReference | null; readonly metered: readonly (EventReference)[] };
export type FileRow = { readonly file: string; readonly sha256: string | null; readonly row: number };
export type UsedIn = { readonly invoiceId: string; readonly number: string | null; readonly tenantId: string; readonly rows: readonly (UsedInRow)[]; readonly rowCount: number; readonly net: string };
export type UsedInRow = { readonly rowId: string; readonly lineId: string; readonly billingKind: string; readonly ref: string; readonly kind: "charge" | "reversal" | "rebooked" | "credit_note"; readonly chargePeriod: Period; readonly net: string };
export type ExplainedRevenue = { readonly invoiceId: string; readonly number: string | null; readonly cause: string; readonly deploymentId: string; readonly billingKind: string; readonly amount: string; readonly event: EventReference | null };
export type ExplainedCost = { readonly costLine: string; readonly kind: string; readonly tenantId: string | null; readonly deploymentId: string | null; readonly amount: string; readonly sharedBy: string | null; readonly remainderOf: string | null; readonly file: FileRow | null; readonly event: EventReference | null };
export type ExplainedSharedCost = { readonly policyId: string; readonly effectiveFrom: string; readonly method: "none" | "even" | "direct_cost" | "usage" | "revenue" | "weights"; readonly billingKind: string | null; readonly amount: string; readonly basis: string; readonly fallback: "even" | "unattributed" | null; readonly pool: SharedPool | null; readonly parts: readonly (SharedPart)[]; readonly arithmetic: string | null; readonly partCount: number; readonly event: EventReference | null };
export type Event = { readonly position: number; readonly stream: string; readonly revision: number; readonly eventId: string; readonly type: string; readonly recordedAt: string; readonly actor: string; readonly occurredAt: string | null; readonly command: string | null; readonly idempotencyKey: string | null; readonly reason: string | null; readonly source: EventSource | null; readonly correlationId: string | null; readonly requestId: string | null; readonly data: Readonly<Record<string, unknown>> | null };
export type EventPage = { readonly items: readonly (Event)[]; readonly nextCursor: string | null };
export type ChangeMarks = { readonly head: number; readonly marks: readonly (ChangeMark)[] };
export type ChangeMark = { readonly kind: "issued" | "corrected"; readonly position: number; readonly count: number };
export type Differences = { readonly from: number; readonly to: number; readonly rates: readonly (RateDifference)[]; readonly usage: readonly (UsageDifference)[]; readonly lines: readonly (LineDifference)[]; readonly invoices: readonly (InvoiceDifference)[]; readonly margin: readonly (MarginDifference)[] | null };
export type RateDifference = { readonly resourceType: string; readonly resourceFamily: string; readonly location: string; readonly effectiveFrom: string; readonly before: RateThen | null; readonly after: RateThen | null; readonly events: readonly (EventReference)[]; readonly eventCount: number };
export type RateThen = { readonly unitPrice: string; readonly currency: string; readonly unit: string | null; readonly basis: "duration" | "amount"; readonly effectiveUntil: string | null };
export type UsageDifference = { readonly deploymentId: string; readonly billingKind: string; readonly month: string; readonly before: string; readonly after: string; readonly readings: number; readonly events: readonly (EventReference)[]; readonly eventCount: number };
export type LineDifference = { readonly lineId: string; readonly parentLineId: string | null; readonly tenantId: string; readonly deploymentId: string; readonly billingKind: string; readonly currency: string; readonly period: Period; readonly before: string | null; readonly after: string | null; readonly difference: string; readonly events: readonly (EventReference)[]; readonly eventCount: number };
export type InvoiceDifference = { readonly invoiceId: string; readonly number: string | null; readonly tenantId: string; readonly currency: string; readonly before: InvoiceThen | null; readonly after: InvoiceThen | null; readonly events: readonly (EventReference)[]; readonly eventCount: number };
export type InvoiceThen = { readonly status: string; readonly total: string | null; readonly amountDue: string | null };
export type MarginDifference = { readonly month: string; readonly currency: string; readonly tenantId: string | null; readonly before: MarginThen; readonly after: MarginThen; readonly events: readonly (EventReference)[]; readonly eventCount: number };
export type MarginThen = { readonly revenue: string; readonly cogs: string; readonly sharedCogs: string; readonly margin: string };
export type Checked = { readonly ok: boolean; readonly position: number; readonly failures: readonly (Finding)[]; readonly notices: readonly (Finding)[] };
export type Finding = { readonly code: string; readonly message: string; readonly ids: Readonly<Record<string, unknown>>; readonly remedy: string };
export type LastCheck = { readonly checkedAt: string | null; readonly checkedBy: string | null; readonly ok: boolean | null; readonly position: number | null; readonly failures: readonly (Finding)[]; readonly failureCount: number; readonly noticeCount: number };
export type CheckpointPage = { readonly items: readonly (Checkpoint)[]; readonly nextCursor: string | null };
export type Checkpoint = { readonly size: number; readonly note: string; readonly publicKey: string | null; readonly madeAt: string };
export type Verified = { readonly ok: boolean; readonly size: number; readonly root: string; readonly kept: number; readonly compared: VerifiedAgainst; readonly failures: readonly (VerifyFailure)[] };
export type VerifiedAgainst = { readonly checkpoints: number; readonly ofOtherKeys: number; readonly invoices: number };
export type VerifyFailure = { readonly code: string; readonly position: number | null; readonly message: string; readonly remedy: string };
export type Bundle = { readonly format: string; readonly publicKey: string; readonly checkpoint: string; readonly earlier: readonly (BundledCheckpoint)[]; readonly invoice: BundledInvoice; readonly events: readonly (BundledEvent)[] };
export type BundledCheckpoint = { readonly checkpoint: string; readonly consistency: readonly (string)[] };
export type BundledInvoice = { readonly invoiceId: string; readonly number: string; readonly tree: BundledTree | null };
export type BundledTree = { readonly size: number; readonly root: string; readonly consistency: readonly (string)[] };
export type BundledEvent = { readonly position: number; readonly stream: string; readonly revision: number; readonly id: string; readonly type: string; readonly data: string; readonly metadata: string; readonly recordedAt: string; readonly inclusion: readonly (string)[] };
export type ProjectionPage = { readonly items: readonly (Projection)[]; readonly nextCursor: string | null; readonly state: "current" | "halted" | "stuck" | "rebuilding" | "other_log"; readonly halted: Halt | null; readonly stuck: StuckWriter | null; readonly staleSince: string | null; readonly rebuild: ReadModelsBeside | null; readonly kept: ReadModelsBeside | null };
export type Projection = { readonly name: string; readonly version: number; readonly position: number; readonly head: number; readonly lag: number; readonly lagSeconds: number; readonly eventsPerSecond: number | null };
export type Halt = { readonly position: number; readonly projection: string; readonly reason: string; readonly at?: string };
export type StuckWriter = { readonly session: number; readonly application: string | null; readonly since: string };
export type ReadModelsBeside = { readonly projections: Readonly<Record<string, unknown>>; readonly position: number; readonly lag: number; readonly eventsPerSecond: number | null };
export type RebuildPage = { readonly items: readonly (Rebuild)[]; readonly nextCursor: string | null };
export type Rebuild = { readonly rebuildId: string; readonly kind: "rebuild" | "rollback"; readonly projections: readonly (string)[] | null; readonly state: "waiting" | "running" | "compared" | "swapped" | "rolled_back" | "failed" | "cancelled"; readonly requestedBy: string; readonly requestedAt: string; readonly acceptedBy: string | null; readonly isDifferent: boolean | null; readonly progress: RebuildProgress | null; readonly report: RebuildReport | null; readonly error: string | null };
export type RebuildProgress = { readonly phase: "fill" | "index" | "catch up" | "compare" | "swap"; readonly position: number; readonly target: number; readonly eventsPerSecond: number | null; readonly secondsLeft: number | null };
export type RebuildReport = { readonly position: number; readonly seconds: number; readonly tables: readonly (TableDifference)[]; readonly money: readonly (MoneyDifference)[]; readonly moneyCount: number };
export type TableDifference = { readonly table: string; readonly rows: number; readonly onlyLive: number; readonly onlyRebuilt: number; readonly different: number; readonly columnsApart: readonly (string)[]; readonly examples: readonly (RowDifference)[] };
export type RowDifference = { readonly live: Readonly<Record<string, unknown>> | null; readonly rebuilt: Readonly<Record<string, unknown>> | null };
export type MoneyDifference = { readonly of: string; readonly tenantId: string; readonly month: string; readonly currency: string; readonly live: string; readonly rebuilt: string; readonly difference: string };
export type TokenPage = { readonly items: readonly (Token)[]; readonly nextCursor: string | null };
export type Token = { readonly tokenId: string; readonly actor: string; readonly role: string; readonly tenantId: string | null; readonly issuedAt: string; readonly expiresAt: string; readonly revokedAt: string | null; readonly reason: string | null };
export type ProposalPage = { readonly items: readonly (Proposal)[]; readonly nextCursor: string | null };
export type Proposal = { readonly proposalId: string; readonly command: string; readonly fields: Readonly<Record<string, unknown>>; readonly amounts: readonly (ProposedAmount)[]; readonly proposedBy: string; readonly proposedAt: string; readonly status: "open" | "approved" | "rejected"; readonly decidedBy: string | null; readonly decidedAt: string | null; readonly reason: string | null; readonly position: number | null };
export type ProposedAmount = { readonly currency: string; readonly amount: string };
export type WebhookPage = { readonly items: readonly (Webhook)[]; readonly nextCursor: string | null };
export type Webhook = { readonly webhookId: string; readonly url: string; readonly types: readonly ("invoice.drafted" | "invoice.issued" | "invoice.voided" | "invoice.paid" | "invoice.payment_withdrawn" | "credit_note.issued" | "consolidated_invoice.issued" | "consolidated_invoice.voided" | "payment.recorded" | "payment.applied" | "payment.application_withdrawn" | "payment.withdrawn" | "refund.recorded" | "refund.withdrawn" | "correction.owed" | "line.quarantined" | "usage.late" | "usage.unbilled" | "rate.corrected" | "day.metered" | "budget.threshold_reached" | "budget.threshold_undone" | "alert.raised" | "alert.cleared" | "projection.halted")[] | null; readonly tenantId: string | null; readonly state: "active" | "paused"; readonly reason: string | null; readonly registeredAt: string; readonly secretRotatedAt: string | null };
export type WebhookSecret = { readonly webhookId: string; readonly secret: string };
export type WebhookDeliveryPage = { readonly items: readonly (WebhookDelivery)[]; readonly nextCursor: string | null };
export type WebhookDelivery = { readonly messageId: string; readonly type: "invoice.drafted" | "invoice.issued" | "invoice.voided" | "invoice.paid" | "invoice.payment_withdrawn" | "credit_note.issued" | "consolidated_invoice.issued" | "consolidated_invoice.voided" | "payment.recorded" | "payment.applied" | "payment.application_withdrawn" | "payment.withdrawn" | "refund.recorded" | "refund.withdrawn" | "correction.owed" | "line.quarantined" | "usage.late" | "usage.unbilled" | "rate.corrected" | "day.metered" | "budget.threshold_reached" | "budget.threshold_undone" | "alert.raised" | "alert.cleared" | "projection.halted"; readonly tenantId: string | null; readonly position: number; readonly state: "waiting" | "delivered" | "parked"; readonly attempts: number; readonly lastAttemptAt: string | null; readonly nextAttemptAt: string | null; readonly responseStatus: number | null; readonly problem: string | null };
export type Feed = { readonly items: readonly (FeedMessage)[]; readonly position: number };
export type FeedMessage = { readonly specversion: "1.0"; readonly id: string; readonly source: string; readonly type: "invoice.drafted" | "invoice.issued" | "invoice.voided" | "invoice.paid" | "invoice.payment_withdrawn" | "credit_note.issued" | "consolidated_invoice.issued" | "consolidated_invoice.voided" | "payment.recorded" | "payment.applied" | "payment.application_withdrawn" | "payment.withdrawn" | "refund.recorded" | "refund.withdrawn" | "correction.owed" | "line.quarantined" | "usage.late" | "usage.unbilled" | "rate.corrected" | "day.metered" | "budget.threshold_reached" | "budget.threshold_undone" | "alert.raised" | "alert.cleared"; readonly subject: string; readonly time: string; readonly timestamp: string; readonly tenantid?: string; readonly position: number; readonly datacontenttype: "application/json"; readonly data: Readonly<Record<string, unknown>> };
export type RegisterTenant = { readonly command: "register-tenant"; readonly tenantId: string; readonly name: string; readonly currency: string; readonly currencies?: readonly (string)[]; readonly timeZone?: string; readonly tax?: { readonly name: string; readonly ratePercent: string; readonly from: string }; readonly address?: string; readonly taxNumber?: string; readonly email?: string; readonly eInvoice?: { readonly street?: string; readonly city?: string; readonly postalCode?: string; readonly countryCode?: string; readonly vatId?: string; readonly registrationId?: string; readonly electronicAddress?: { readonly scheme: string; readonly id: string }; readonly buyerReference?: string; readonly untaxed?: { readonly category: "Z" | "E" | "AE" | "K" | "G" | "O"; readonly reason?: string; readonly reasonCode?: string } }; readonly paymentTermsDays?: number; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type SetTax = { readonly command: "set-tax"; readonly name: string; readonly ratePercent: string; readonly from: string; readonly tenantId: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectTax = { readonly command: "correct-tax"; readonly tenantId: string; readonly name?: string; readonly ratePercent: string; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type SetGracePeriod = { readonly command: "set-grace-period"; readonly tenantId: string; readonly hours: number; readonly from: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectTenant = { readonly command: "correct-tenant"; readonly tenantId: string; readonly name?: string; readonly timeZone?: string; readonly currencies?: readonly (string)[]; readonly address?: string | null; readonly taxNumber?: string | null; readonly email?: string | null; readonly eInvoice?: { readonly street?: string; readonly city?: string; readonly postalCode?: string; readonly countryCode?: string; readonly vatId?: string; readonly registrationId?: string; readonly electronicAddress?: { readonly scheme: string; readonly id: string }; readonly buyerReference?: string; readonly untaxed?: { readonly category: "Z" | "E" | "AE" | "K" | "G" | "O"; readonly reason?: string; readonly reasonCode?: string } } | null; readonly paymentTermsDays?: number | null; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type SetPayer = { readonly command: "set-payer"; readonly tenantId: string; readonly payerId: string | null; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectPayer = { readonly command: "correct-payer"; readonly tenantId: string; readonly payerId: string | null; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type RegisterDeployment = { readonly command: "register-deployment"; readonly deploymentId: string; readonly tenantId: string; readonly name: string; readonly from: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type AssignDeployment = { readonly command: "assign-deployment"; readonly deploymentId: string; readonly tenantId: string; readonly from: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectAssignment = { readonly command: "correct-assignment"; readonly deploymentId: string; readonly tenantId: string; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type CorrectDeployment = { readonly command: "correct-deployment"; readonly deploymentId: string; readonly name: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type StartSubscription = { readonly command: "start-subscription"; readonly subscriptionId: string; readonly deploymentId: string; readonly planId: string; readonly from: string; readonly anchor?: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type ChangePlan = { readonly command: "change-plan"; readonly subscriptionId: string; readonly planId: string; readonly at: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CancelSubscription = { readonly command: "cancel-subscription"; readonly subscriptionId: string; readonly at: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectSubscription = { readonly command: "correct-subscription"; readonly subscriptionId: string; readonly from?: string; readonly anchor?: string | null; readonly planId?: string; readonly plans?: readonly ({ readonly planId: string; readonly at: string })[]; readonly cancelledAt?: string | null; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type ObserveResource = { readonly command: "observe-resource"; readonly providerId: string; readonly kind: string; readonly name: string; readonly status: string; readonly region?: string; readonly project?: string; readonly sizeSlug?: string; readonly sizeGb?: string | null; readonly tenantId?: string | null; readonly deploymentId?: string | null; readonly tags?: readonly (string)[]; readonly attrs?: Readonly<Record<string, unknown>>; readonly provider: string; readonly seenAt: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type SyncResources = { readonly command: "sync-resources"; readonly provider: string; readonly seenAt: string; readonly resources: readonly ({ readonly providerId: string; readonly kind: string; readonly name: string; readonly status: string; readonly region?: string; readonly project?: string; readonly sizeSlug?: string; readonly sizeGb?: string | null; readonly tenantId?: string | null; readonly deploymentId?: string | null; readonly tags?: readonly (string)[]; readonly attrs?: Readonly<Record<string, unknown>> })[]; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type RemoveResource = { readonly command: "remove-resource"; readonly provider: string; readonly providerId: string; readonly at: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectResource = { readonly command: "correct-resource"; readonly provider: string; readonly providerId: string; readonly from: string; readonly until?: string; readonly status?: string; readonly sizeGb?: string | null; readonly deploymentId?: string | null; readonly tenantId?: string | null; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type ConfigureMetering = { readonly command: "configure-metering"; readonly billingKind: string; readonly granularity: "day" | "hour"; readonly retentionDays?: number; readonly from: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type RunMetering = { readonly command: "run-metering"; readonly date: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type ObserveUsage = { readonly command: "observe-usage"; readonly deploymentId: string; readonly observations: readonly ({ readonly provider?: string; readonly resourceId: string; readonly billingKind: string; readonly period: { readonly start: string; readonly end: string }; readonly granularity: "hour" | "day" | "event"; readonly sourceId?: string; readonly quantity: string; readonly rateKey?: { readonly resourceType: string; readonly resourceFamily: string; readonly location: string }; readonly attributes?: Readonly<Record<string, unknown>>; readonly subAttribution?: Readonly<Record<string, unknown>> })[]; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectUsage = { readonly command: "correct-usage"; readonly deploymentId: string; readonly provider?: string; readonly resourceId: string; readonly billingKind: string; readonly period: { readonly start: string; readonly end: string }; readonly granularity: "hour" | "day" | "event"; readonly sourceId?: string; readonly quantity: string | null; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type WaiveUsage = { readonly command: "waive-usage"; readonly deploymentId: string; readonly billingKind: string; readonly period: { readonly start: string; readonly end: string }; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type PruneUsage = { readonly command: "prune-usage"; readonly month: string; readonly at: string; readonly deploymentId?: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type SetRate = { readonly command: "set-rate"; readonly resourceType: string; readonly resourceFamily: string; readonly location: string; readonly unit?: string; readonly unitPrice: string; readonly currency?: string; readonly basis?: "duration" | "amount"; readonly public?: boolean; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectRate = { readonly command: "correct-rate"; readonly resourceType: string; readonly resourceFamily: string; readonly location: string; readonly unitPrice: string; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type WithdrawRate = { readonly command: "withdraw-rate"; readonly resourceType: string; readonly resourceFamily: string; readonly location: string; readonly from: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type PublishPlan = { readonly command: "publish-plan"; readonly planId: string; readonly name: string; readonly currency: string; readonly baseFee: string; readonly paymentTerm: "in_advance" | "in_arrears"; readonly interval?: "month" | "year"; readonly public?: boolean; readonly effectiveFrom: string; readonly items: readonly ({ readonly billingKind: string; readonly price: { readonly model: "flat"; readonly amount: string; readonly paymentTerm: "in_advance" | "in_arrears" } | { readonly model: "unit"; readonly unitAmount: string } | { readonly model: "graduated"; readonly tiers: readonly ({ readonly upTo: string | null; readonly unitAmount?: string; readonly flatAmount?: string })[] } | { readonly model: "volume"; readonly tiers: readonly ({ readonly upTo: string | null; readonly unitAmount?: string; readonly flatAmount?: string })[] } | { readonly model: "package"; readonly packageSize: string; readonly packageAmount: string } | { readonly model: "dynamic"; readonly multiplier: string } | { readonly model: "percentage"; readonly percent: string; readonly fixedAmount?: string } | { readonly model: "rate_card" }; readonly included?: string; readonly unitConversion?: { readonly operation: "divide" | "multiply"; readonly factor: string; readonly rounding?: "none" | "ceiling" | "floor" | "half_up"; readonly precision?: number }; readonly discounts?: { readonly percentage?: string; readonly quantity?: string }; readonly commitments?: { readonly minimum?: string; readonly maximum?: string }; readonly aggregation?: "sum" | "count" | "max" | "unique_count" | "latest" | "average" | "minimum"; readonly filter?: Readonly<Record<string, string>>; readonly uniqueBy?: string; readonly pooled?: boolean })[]; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectPrice = { readonly command: "correct-price"; readonly planId: string; readonly billingKind: string; readonly filter?: Readonly<Record<string, string>>; readonly price: { readonly model: "flat"; readonly amount: string; readonly paymentTerm: "in_advance" | "in_arrears" } | { readonly model: "unit"; readonly unitAmount: string } | { readonly model: "graduated"; readonly tiers: readonly ({ readonly upTo: string | null; readonly unitAmount?: string; readonly flatAmount?: string })[] } | { readonly model: "volume"; readonly tiers: readonly ({ readonly upTo: string | null; readonly unitAmount?: string; readonly flatAmount?: string })[] } | { readonly model: "package"; readonly packageSize: string; readonly packageAmount: string } | { readonly model: "dynamic"; readonly multiplier: string } | { readonly model: "percentage"; readonly percent: string; readonly fixedAmount?: string } | { readonly model: "rate_card" }; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type CorrectPlan = { readonly command: "correct-plan"; readonly planId: string; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly name?: string; readonly baseFee?: string; readonly paymentTerm?: "in_advance" | "in_arrears"; readonly public?: boolean; readonly items?: readonly ({ readonly billingKind: string; readonly filter?: Readonly<Record<string, string>>; readonly pooled?: boolean; readonly price?: { readonly model: "flat"; readonly amount: string; readonly paymentTerm: "in_advance" | "in_arrears" } | { readonly model: "unit"; readonly unitAmount: string } | { readonly model: "graduated"; readonly tiers: readonly ({ readonly upTo: string | null; readonly unitAmount?: string; readonly flatAmount?: string })[] } | { readonly model: "volume"; readonly tiers: readonly ({ readonly upTo: string | null; readonly unitAmount?: string; readonly flatAmount?: string })[] } | { readonly model: "package"; readonly packageSize: string; readonly packageAmount: string } | { readonly model: "dynamic"; readonly multiplier: string } | { readonly model: "percentage"; readonly percent: string; readonly fixedAmount?: string } | { readonly model: "rate_card" } | null; readonly included?: string | null; readonly unitConversion?: { readonly operation: "divide" | "multiply"; readonly factor: string; readonly rounding?: "none" | "ceiling" | "floor" | "half_up"; readonly precision?: number } | null; readonly discounts?: { readonly percentage?: string; readonly quantity?: string } | null; readonly commitments?: { readonly minimum?: string; readonly maximum?: string } | null; readonly aggregation?: "sum" | "count" | "max" | "unique_count" | "latest" | "average" | "minimum"; readonly uniqueBy?: string | null })[]; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type SetOverrides = { readonly command: "set-overrides"; readonly subscriptionId: string; readonly tenantId: string; readonly baseFee?: string; readonly items?: readonly ({ readonly billingKind: string; readonly filter?: Readonly<Record<string, string>>; readonly price?: { readonly model: "flat"; readonly amount: string; readonly paymentTerm: "in_advance" | "in_arrears" } | { readonly model: "unit"; readonly unitAmount: string } | { readonly model: "graduated"; readonly tiers: readonly ({ readonly upTo: string | null; readonly unitAmount?: string; readonly flatAmount?: string })[] } | { readonly model: "volume"; readonly tiers: readonly ({ readonly upTo: string | null; readonly unitAmount?: string; readonly flatAmount?: string })[] } | { readonly model: "package"; readonly packageSize: string; readonly packageAmount: string } | { readonly model: "dynamic"; readonly multiplier: string } | { readonly model: "percentage"; readonly percent: string; readonly fixedAmount?: string } | { readonly model: "rate_card" }; readonly included?: string | null; readonly discounts?: { readonly percentage?: string; readonly quantity?: string } | null; readonly commitments?: { readonly minimum?: string; readonly maximum?: string } | null })[]; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectOverrides = { readonly command: "correct-overrides"; readonly subscriptionId: string; readonly tenantId: string; readonly baseFee?: string; readonly items?: readonly ({ readonly billingKind: string; readonly filter?: Readonly<Record<string, string>>; readonly price?: { readonly model: "flat"; readonly amount: string; readonly paymentTerm: "in_advance" | "in_arrears" } | { readonly model: "unit"; readonly unitAmount: string } | { readonly model: "graduated"; readonly tiers: readonly ({ readonly upTo: string | null; readonly unitAmount?: string; readonly flatAmount?: string })[] } | { readonly model: "volume"; readonly tiers: readonly ({ readonly upTo: string | null; readonly unitAmount?: string; readonly flatAmount?: string })[] } | { readonly model: "package"; readonly packageSize: string; readonly packageAmount: string } | { readonly model: "dynamic"; readonly multiplier: string } | { readonly model: "percentage"; readonly percent: string; readonly fixedAmount?: string } | { readonly model: "rate_card" }; readonly included?: string | null; readonly discounts?: { readonly percentage?: string; readonly quantity?: string } | null; readonly commitments?: { readonly minimum?: string; readonly maximum?: string } | null })[]; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type SetCommitment = { readonly command: "set-commitment"; readonly commitmentId: string; readonly subscriptionId: string; readonly tenantId: string; readonly currency: string; readonly terms: readonly ({ readonly start: string; readonly end: string; readonly amount: string })[]; readonly billingKinds?: readonly (string)[]; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectCommitment = { readonly command: "correct-commitment"; readonly commitmentId: string; readonly subscriptionId: string; readonly tenantId: string; readonly currency: string; readonly terms: readonly ({ readonly start: string; readonly end: string; readonly amount: string })[]; readonly billingKinds?: readonly (string)[]; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type RecordCost = { readonly command: "record-cost"; readonly provider: string; readonly invoiceRef: string; readonly lines: readonly ({ readonly lineKey: string; readonly resourceId?: string; readonly kind: string; readonly chargePeriod: { readonly start: string; readonly end: string }; readonly amount: string; readonly currency: string; readonly category: "usage" | "purchase" | "tax" | "credit" | "adjustment"; readonly class?: "correction" | null; readonly tenantId?: string; readonly effectiveAmount?: string; readonly description?: string; readonly focus?: Readonly<Record<string, string>> })[]; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectCost = { readonly command: "correct-cost"; readonly provider: string; readonly invoiceRef: string; readonly lineKey: string; readonly kind?: string; readonly chargePeriod?: { readonly start: string; readonly end: string }; readonly amount?: string; readonly currency?: string; readonly category?: "usage" | "purchase" | "tax" | "credit" | "adjustment"; readonly resourceId?: string | null; readonly class?: "correction" | null; readonly tenantId?: string | null; readonly effectiveAmount?: string | null; readonly description?: string | null; readonly focus?: Readonly<Record<string, string>> | null; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type RecordProviderTotal = { readonly command: "record-provider-total"; readonly provider: string; readonly invoiceRef: string; readonly currency: string; readonly period: string; readonly total: string; readonly tax: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectProviderTotal = { readonly command: "correct-provider-total"; readonly provider: string; readonly invoiceRef: string; readonly currency: string; readonly period?: string; readonly total?: string; readonly tax?: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type SetCostSharing = { readonly command: "set-cost-sharing"; readonly costs: { readonly provider?: string; readonly kind?: string; readonly tag?: { readonly key: string; readonly value: string }; readonly unattributed?: true }; readonly method: "none" | "even" | "direct_cost" | "usage" | "revenue" | "weights"; readonly billingKind?: string; readonly capacity?: string; readonly weights?: readonly ({ readonly tenantId: string; readonly percent: string })[]; readonly policyId: string; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectCostSharing = { readonly command: "correct-cost-sharing"; readonly costs: { readonly provider?: string; readonly kind?: string; readonly tag?: { readonly key: string; readonly value: string }; readonly unattributed?: true }; readonly method: "none" | "even" | "direct_cost" | "usage" | "revenue" | "weights"; readonly billingKind?: string; readonly capacity?: string; readonly weights?: readonly ({ readonly tenantId: string; readonly percent: string })[]; readonly policyId: string; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type SetKindMapping = { readonly command: "set-kind-mapping"; readonly billingKinds: readonly (string)[]; readonly provider: string; readonly kind: string; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectKindMapping = { readonly command: "correct-kind-mapping"; readonly billingKinds: readonly (string)[]; readonly provider: string; readonly kind: string; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type SetBudget = { readonly command: "set-budget"; readonly tenantId: string; readonly budgetId: string; readonly amount?: string; readonly billingKind?: string; readonly quantity?: string; readonly thresholds?: readonly (string)[]; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectBudget = { readonly command: "correct-budget"; readonly tenantId: string; readonly budgetId: string; readonly amount?: string; readonly billingKind?: string; readonly quantity?: string; readonly thresholds?: readonly (string)[]; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type CreateInvoice = { readonly command: "create-invoice"; readonly tenantId: string; readonly asOf: string; readonly select?: { readonly subscriptionIds?: readonly (string)[]; readonly billingKinds?: readonly (string)[] }; readonly unmetered?: "bill"; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type IssueInvoice = { readonly command: "issue-invoice"; readonly invoiceId: string; readonly at: string; readonly reason?: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type VoidInvoice = { readonly command: "void-invoice"; readonly invoiceId: string; readonly at: string; readonly reason?: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type CreateCreditNote = { readonly command: "create-credit-note"; readonly invoiceId: string; readonly at: string; readonly reason: string; readonly amount?: string; readonly rows?: readonly ({ readonly rowId: string; readonly amount: string })[]; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type IssueConsolidatedInvoice = { readonly command: "issue-consolidated-invoice"; readonly payerId: string; readonly currency: string; readonly at: string; readonly invoiceIds?: readonly (string)[]; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type VoidConsolidatedInvoice = { readonly command: "void-consolidated-invoice"; readonly consolidatedInvoiceId: string; readonly at: string; readonly reason?: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type RecordPayment = { readonly command: "record-payment"; readonly tenantId: string; readonly currency: string; readonly paymentId: string; readonly amount: string; readonly at: string; readonly payerId?: string; readonly reference?: string; readonly invoiceIds?: readonly (string)[]; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type RecordRefund = { readonly command: "record-refund"; readonly tenantId: string; readonly currency: string; readonly refundId: string; readonly amount: string; readonly at: string; readonly paymentId?: string; readonly reference?: string; readonly reason?: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type ApplyPayment = { readonly command: "apply-payment"; readonly tenantId: string; readonly currency: string; readonly paymentId: string; readonly applicationId: string; readonly at: string; readonly invoiceIds?: readonly (string)[]; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type PayInvoice = { readonly command: "pay-invoice"; readonly invoiceId: string; readonly at: string; readonly reason?: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type RecordTransfer = { readonly command: "record-transfer"; readonly payerId: string; readonly currency: string; readonly transferId: string; readonly amount: string; readonly at: string; readonly reference?: string; readonly invoiceIds?: readonly (string)[]; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type ClosePeriod = { readonly command: "close-period"; readonly month: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type ReopenPeriod = { readonly command: "reopen-period"; readonly month: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type GrantCredit = { readonly command: "grant-credit"; readonly creditId: string; readonly tenantId: string; readonly currency: string; readonly from: string; readonly until?: string; readonly reason?: string; readonly amount: string; readonly priority?: number; readonly planIds?: readonly (string)[]; readonly billingKinds?: readonly (string)[]; readonly rollover?: { readonly percent: string; readonly until: string }; readonly payment?: { readonly reference: string; readonly at: string }; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type GrantCoupon = { readonly command: "grant-coupon"; readonly creditId: string; readonly tenantId: string; readonly currency: string; readonly from: string; readonly until?: string; readonly reason?: string; readonly percent: string; readonly billingKinds?: readonly (string)[]; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type RevokeCredit = { readonly command: "revoke-credit"; readonly creditId: string; readonly tenantId: string; readonly currency: string; readonly at: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type SetMarginAlert = { readonly command: "set-margin-alert"; readonly when: "margin_below" | "margin_drop" | "unattributed_above" | "cost_off_average"; readonly percent: string; readonly currency?: string; readonly by?: "tenant"; readonly provider?: string; readonly kind?: string; readonly days?: number; readonly minimum?: string; readonly alertId: string; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectMarginAlert = { readonly command: "correct-margin-alert"; readonly when: "margin_below" | "margin_drop" | "unattributed_above" | "cost_off_average"; readonly percent: string; readonly currency?: string; readonly by?: "tenant"; readonly provider?: string; readonly kind?: string; readonly days?: number; readonly minimum?: string; readonly alertId: string; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type SetCostRate = { readonly command: "set-cost-rate"; readonly billingKind: string; readonly provider?: string; readonly region?: string; readonly unitCost: string; readonly currency?: string; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CorrectCostRate = { readonly command: "correct-cost-rate"; readonly billingKind: string; readonly provider?: string; readonly region?: string; readonly unitCost: string; readonly currency?: string; readonly effectiveFrom: string; readonly effectiveUntil?: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type SkipEvent = { readonly command: "skip-event"; readonly position: number; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type AcknowledgeRemoval = { readonly command: "acknowledge-removal"; readonly stream: string; readonly revision: number; readonly deleted?: true; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type RebuildProjections = { readonly command: "rebuild-projections"; readonly rebuildId: string; readonly projections?: readonly (string)[]; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type AcceptRebuild = { readonly command: "accept-rebuild"; readonly rebuildId: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type CancelRebuild = { readonly command: "cancel-rebuild"; readonly rebuildId: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type RollBackProjections = { readonly command: "roll-back-projections"; readonly rebuildId: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type IssueToken = { readonly command: "issue-token"; readonly tokenId: string; readonly actor: string; readonly role: "platform_admin" | "operator" | "auditor" | "tenant" | "ingest"; readonly tenantId?: string; readonly expiresAt: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type RevokeToken = { readonly command: "revoke-token"; readonly tokenId: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type RegisterWebhook = { readonly command: "register-webhook"; readonly webhookId: string; readonly url: string; readonly types?: readonly ("invoice.drafted" | "invoice.issued" | "invoice.voided" | "invoice.paid" | "invoice.payment_withdrawn" | "credit_note.issued" | "consolidated_invoice.issued" | "consolidated_invoice.voided" | "payment.recorded" | "payment.applied" | "payment.application_withdrawn" | "payment.withdrawn" | "refund.recorded" | "refund.withdrawn" | "correction.owed" | "line.quarantined" | "usage.late" | "usage.unbilled" | "rate.corrected" | "day.metered" | "budget.threshold_reached" | "budget.threshold_undone" | "alert.raised" | "alert.cleared" | "projection.halted")[]; readonly tenantId?: string; readonly after?: number; readonly since?: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly reason?: string };
export type ChangeWebhook = { readonly command: "change-webhook"; readonly webhookId: string; readonly url: string; readonly types?: readonly ("invoice.drafted" | "invoice.issued" | "invoice.voided" | "invoice.paid" | "invoice.payment_withdrawn" | "credit_note.issued" | "consolidated_invoice.issued" | "consolidated_invoice.voided" | "payment.recorded" | "payment.applied" | "payment.application_withdrawn" | "payment.withdrawn" | "refund.recorded" | "refund.withdrawn" | "correction.owed" | "line.quarantined" | "usage.late" | "usage.unbilled" | "rate.corrected" | "day.metered" | "budget.threshold_reached" | "budget.threshold_undone" | "alert.raised" | "alert.cleared" | "projection.halted")[]; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type RotateWebhookSecret = { readonly command: "rotate-webhook-secret"; readonly webhookId: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type PauseWebhook = { readonly command: "pause-webhook"; readonly webhookId: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type ResumeWebhook = { readonly command: "resume-webhook"; readonly webhookId: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type ReplayWebhook = { readonly command: "replay-webhook"; readonly webhookId: string; readonly after?: number; readonly since?: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type RemoveWebhook = { readonly command: "remove-webhook"; readonly webhookId: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type Withdraw = { readonly command: "withdraw"; readonly what: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string; readonly basedOn?: number };
export type ApproveProposal = { readonly command: "approve-proposal"; readonly proposalId: string; readonly reason?: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type RejectProposal = { readonly command: "reject-proposal"; readonly proposalId: string; readonly reason: string; readonly idempotencyKey?: string; readonly occurredAt?: string };
export type Command = RegisterTenant | SetTax | CorrectTax | SetGracePeriod | CorrectTenant | SetPayer | CorrectPayer | RegisterDeployment | AssignDeployment | CorrectAssignment | CorrectDeployment | StartSubscription | ChangePlan | CancelSubscription | CorrectSubscription | ObserveResource | SyncResources | RemoveResource | CorrectResource | ConfigureMetering | RunMetering | ObserveUsage | CorrectUsage | WaiveUsage | PruneUsage | SetRate | CorrectRate | WithdrawRate | PublishPlan | CorrectPrice | CorrectPlan | SetOverrides | CorrectOverrides | SetCommitment | CorrectCommitment | RecordCost | CorrectCost | RecordProviderTotal | CorrectProviderTotal | SetCostSharing | CorrectCostSharing | SetKindMapping | CorrectKindMapping | SetBudget | CorrectBudget | CreateInvoice | IssueInvoice | VoidInvoice | CreateCreditNote | IssueConsolidatedInvoice | VoidConsolidatedInvoice | RecordPayment | RecordRefund | ApplyPayment | PayInvoice | RecordTransfer | ClosePeriod | ReopenPeriod | GrantCredit | GrantCoupon | RevokeCredit | SetMarginAlert | CorrectMarginAlert | SetCostRate | CorrectCostRate | SkipEvent | AcknowledgeRemoval | RebuildProjections | AcceptRebuild | CancelRebuild | RollBackProjections | IssueToken | RevokeToken | RegisterWebhook | ChangeWebhook | RotateWebhookSecret | PauseWebhook | ResumeWebhook | ReplayWebhook | RemoveWebhook | Withdraw | ApproveProposal | RejectProposal;
export type CommandOutcome = { readonly index?: number; readonly command: string; readonly status: "done" | "unchanged" | "proposed" | "refused"; readonly dates?: readonly (DateRead)[]; readonly result?: Readonly<Record<string, unknown>>; readonly position?: number; readonly error?: Refusal };
export type DateRead = { readonly field: string; readonly date: string; readonly timeZone: string; readonly instant: string };
export type Refusal = { readonly code: string; readonly kind: string; readonly message: string; readonly errors?: readonly (FieldError)[] };
export type Preview = { readonly lines: readonly ({ readonly tenantId: string; readonly invoiceId: string | null; readonly number: string | null; readonly lineId: string; readonly currency: string; readonly before: string; readonly after: string; readonly difference: string; readonly tax: { readonly before: string; readonly after: string; readonly difference: string } })[]; readonly byTenant: readonly ({ readonly tenantId: string; readonly currency: string; readonly difference: string; readonly taxDifference: string })[]; readonly total: string | null; readonly position: number; readonly commands: readonly ({ readonly index: number; readonly command: string; readonly status: string })[]; readonly remetered: readonly (string)[]; readonly margin?: { readonly before: Margin; readonly after: Margin }; readonly addressees?: readonly ({ readonly tenantId: string; readonly currency: string; readonly invoiceId: string | null; readonly number: string | null; readonly status: "open" | "draft" | "issued" | "paid"; readonly before: string | null; readonly after: string | null })[]; readonly thresholds?: readonly ({ readonly tenantId: string; readonly budgetId: string; readonly month: string; readonly threshold: string; readonly change: "reached" | "undone"; readonly value: string | null; readonly limit: string | null })[]; readonly alerts?: readonly ({ readonly alertId: string; readonly period: string; readonly currency: string; readonly tenantId: string | null; readonly provider: string | null; readonly kind: string | null; readonly change: "raised" | "cleared"; readonly value: string | null })[] };
export type NewToken = { readonly role: "platform_admin" | "operator" | "auditor" | "tenant" | "ingest"; readonly tenantId?: string; readonly actor?: string; readonly expiresAt: string; readonly tokenId?: string };
export type IssuedToken = { readonly token: string; readonly id: string; readonly expiresAt: string };
export type SentObservation = { readonly deploymentId: string; readonly provider?: string; readonly resourceId: string; readonly billingKind: string; readonly period: { readonly start: string; readonly end: string }; readonly granularity: "hour" | "day" | "event"; readonly sourceId?: string; readonly quantity: string; readonly rateKey?: { readonly resourceType: string; readonly resourceFamily: string; readonly location: string }; readonly attributes?: Readonly<Record<string, unknown>>; readonly subAttribution?: Readonly<Record<string, unknown>> };
export type CloudEvent = { readonly specversion: "1.0"; readonly id: string; readonly source: string; readonly type: string; readonly subject: string; readonly time?: string | null; readonly datacontenttype?: string | null; readonly data?: { readonly quantity?: string | number; readonly value?: string | number; readonly resourceId?: string; readonly provider?: string; readonly rateKey?: { readonly resourceType: string; readonly resourceFamily: string; readonly location: string }; readonly subAttribution?: Readonly<Record<string, unknown>> } | null };
export type Ingested = { readonly items: readonly (IngestedItem)[]; readonly accepted: number; readonly duplicate: number; readonly conflict: number; readonly rejected: number; readonly position: number | null };
export type IngestedItem = { readonly index: number; readonly id?: string; readonly status: "accepted" | "duplicate" | "conflict" | "rejected"; readonly error?: IngestError };
export type IngestError = { readonly code: string; readonly message: string; readonly errors?: readonly (FieldError)[] };

/** Every operation of the API. Errors: LedgerlineProblem. */
export class Ledgerline {
  private readonly requester: Requester;

  constructor(options: ClientOptions) {
    this.requester = new Requester(options);
  }

  /** Tenants, with their taxes and credits. */
  async tenants(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; tenantId?: string | undefined; tenantIds?: readonly (string)[] | string | undefined; name?: string | undefined; search?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<TenantPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/tenants', query: question });
  }

  /** Which tenants pay for others, with the periods in which that is in force. A tenant sees its own. */
  async payers(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; tenantId?: string | undefined; payerId?: string | undefined; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<PayerPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/payers', query: question });
  }

  /** Deployments, and the tenants that they were assigned to over time. */
  async deployments(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; deploymentId?: string | undefined; deploymentIds?: readonly (string)[] | string | undefined; tenantId?: string | undefined; tenantIds?: readonly (string)[] | string | undefined; search?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<DeploymentPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/deployments', query: question });
  }

  /** Subscriptions of deployments to plans, with their periods and tenants. */
  async subscriptions(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; subscriptionId?: string | undefined; subscriptionIds?: readonly (string)[] | string | undefined; deploymentId?: string | undefined; deploymentIds?: readonly (string)[] | string | undefined; tenantId?: string | undefined; tenantIds?: readonly (string)[] | string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<PlanSubscriptionPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/subscriptions', query: question });
  }

  /** The inventory of resources: as last seen, or with `at` as they were at an instant. */
  async resources(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; provider?: string | undefined; providerId?: string | undefined; kind?: string | undefined; deploymentId?: string | undefined; tenantId?: string | undefined; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<ResourcePage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/resources', query: question });
  }

  /** The metered days, with the number of records and the skipped resources. */
  async meteredDays(question: { asOf?: string | undefined; knownAt?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<MeteredDayPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/metered-days', query: question });
  }

  /** The complete UTC days until an instant (`at`) that must be metered, or metered again. Default: the days that the daily job may meter now. */
  async daysToMeter(question: { asOf?: string | undefined; knownAt?: string | undefined; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<DayToMeterPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/days-to-meter', query: question });
  }

  /** The usage records in force: one per deployment, resource, billing kind, period and granularity. */
  async usageRecords(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; deploymentId?: string | undefined; billingKind?: string | undefined; resourceId?: string | undefined; start?: string | undefined; end?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<UsageRecordPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/usage-records', query: question });
  }

  /** Quantity by billing kind of one deployment for a period, in the form that a quote takes. */
  async usage(question: { asOf?: string | undefined; knownAt?: string | undefined; deploymentId: string; start?: string | undefined; end?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<UsageAnswer> {
    return this.requester.send({ method: 'GET', path: '/api/v1/usage', query: question });
  }

  /** Receives observations and CloudEvents 1.0, one or many. Each has its own result and can be sent again. */
  async ingest(body: SentObservation | { readonly deploymentId: string; readonly observations: readonly (Readonly<Record<string, unknown>>)[] } | CloudEvent | readonly (SentObservation | CloudEvent)[]): Promise<Ingested> {
    return this.requester.send({ method: 'POST', path: '/api/v1/usage', body });
  }

  /** Usage without a line: the deployment had no subscription, or its plan has no item for the billing kind. Also usage of days that must be metered first. */
  async unbilled(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; tenantId?: string | undefined; deploymentId?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<UnbilledUsagePage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/unbilled', query: question });
  }

  /** The prices of rate keys, with the periods in which they are in force. A tenant sees public prices, and the keys that its plans rate its usage under. */
  async rates(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; resourceType?: string | undefined; resourceFamily?: string | undefined; location?: string | undefined; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<RatePage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/rates', query: question });
  }

  /** Plans, with the periods in which their terms are in force. A tenant sees public terms, and the plans that its subscriptions have or had. */
  async plans(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; planId?: string | undefined; planIds?: readonly (string)[] | string | undefined; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<PlanPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/plans', query: question });
  }

  /** The commitments of subscriptions: what of each term is drawn down, what remains, and what was billed. */
  async commitments(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; tenantId?: string | undefined; subscriptionId?: string | undefined; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<CommitmentPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/commitments', query: question });
  }

  /** The price of usage under a plan for a whole period. Nothing is stored. */
  async quote(body: QuoteQuestion): Promise<Quote> {
    return this.requester.send({ method: 'POST', path: '/api/v1/quotes', body });
  }

  /** What provider invoices state as their totals, as recorded. */
  async providerTotals(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; provider?: string | undefined; period?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<ProviderTotalPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/provider-totals', query: question });
  }

  /** The policies that share cost among tenants, with the periods in which they are in force. */
  async costSharing(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; policyId?: string | undefined; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<CostSharingPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/cost-sharing', query: question });
  }

  /** The margin of months, past ones too, without and with terms that set-cost-sharing or correct-cost-sharing would record. Nothing is recorded. */
  async costSharingPreview(body: CostSharingPreviewQuestion): Promise<SharingPreview> {
    return this.requester.send({ method: 'POST', path: '/api/v1/cost-sharing/preview', body });
  }

  /** The billing kinds that the cost of providers’ kinds is for, with the periods in which that is in force. */
  async kindMappings(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; provider?: string | undefined; kind?: string | undefined; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<KindMappingPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/kind-mappings', query: question });
  }

  /** Unit economics of months, past ones too, without and with a mapping that set-kind-mapping or correct-kind-mapping would record. Nothing is recorded. */
  async kindMappingPreview(body: KindMappingPreviewQuestion): Promise<MappingPreview> {
    return this.requester.send({ method: 'POST', path: '/api/v1/kind-mappings/preview', body });
  }

  /** The budgets of tenants in a calendar month: what they come to, and which thresholds were reached or undone. */
  async budgets(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; tenantId?: string | undefined; budgetId?: string | undefined; month?: string | undefined; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<BudgetPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/budgets', query: question });
  }

  /** Invoice lines and their parts: billed ones as frozen, open ones as rated up to now (`at`). */
  async lines(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; tenantId?: string | undefined; subscriptionId?: string | undefined; billingKind?: string | undefined; status?: "valid" | "split" | undefined; billed?: "true" | "false" | undefined; quarantined?: "true" | "false" | undefined; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<LinePage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/lines', query: question });
  }

  /** One line or part. A split line includes its parts. */
  async line(question: { asOf?: string | undefined; knownAt?: string | undefined; id: string; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<LineWithParts> {
    const { id, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/lines/${encodeURIComponent(id)}`, query });
  }

  /** Invoices: issued ones as frozen, drafts as rated now. */
  async invoices(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; tenantId?: string | undefined; payerId?: string | undefined; status?: "draft" | "issued" | "paid" | "void" | undefined; invoiceIds?: readonly (string)[] | string | undefined; withoutLines?: "true" | "false" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<InvoicePage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/invoices', query: question });
  }

  /** One invoice, by id or number, with its lines and rows. */
  async invoice(question: { asOf?: string | undefined; knownAt?: string | undefined; id: string; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<Invoice> {
    const { id, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/invoices/${encodeURIComponent(id)}`, query });
  }

  /** The invoice that a tenant would get as of an instant (`at`) if it were created now. Nothing is stored. */
  async invoicePreview(question: { asOf?: string | undefined; knownAt?: string | undefined; tenantId: string; currency?: string | undefined; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<InvoicePreview> {
    return this.requester.send({ method: 'GET', path: '/api/v1/invoices/preview', query: question });
  }

  /** Credit notes of issued invoices. */
  async creditNotes(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; tenantId?: string | undefined; payerId?: string | undefined; invoiceId?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<CreditNotePage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/credit-notes', query: question });
  }

  /** One credit note with its rows. */
  async creditNote(question: { asOf?: string | undefined; knownAt?: string | undefined; id: string; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<CreditNoteWithRows> {
    const { id, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/credit-notes/${encodeURIComponent(id)}`, query });
  }

  /** Consolidated invoices, by payer. A payer sees its own. */
  async consolidatedInvoices(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; payerId?: string | undefined; currency?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<ConsolidatedInvoicePage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/consolidated-invoices', query: question });
  }

  /** One consolidated invoice, by id or number, with the invoices of each tenant. */
  async consolidatedInvoice(question: { asOf?: string | undefined; knownAt?: string | undefined; id: string; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<ConsolidatedInvoice> {
    const { id, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/consolidated-invoices/${encodeURIComponent(id)}`, query });
  }

  /** Payments of tenants, with the invoices that they pay and what is left. */
  async payments(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; tenantId?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<PaymentPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/payments', query: question });
  }

  /** Transfers of payers, with the payments of tenants that each is divided into. A tenant sees its own. */
  async transfers(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; payerId?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<TransferPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/transfers', query: question });
  }

  /** Which months of the journal are closed, and as of which log position. */
  async books(question: { asOf?: string | undefined; knownAt?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<Books> {
    return this.requester.send({ method: 'GET', path: '/api/v1/books', query: question });
  }

  /** A statement of account: invoices, credit notes, payments and refunds of a period, with the balances. */
  async statement(question: { asOf?: string | undefined; knownAt?: string | undefined; tenantId?: string | undefined; payerId?: string | undefined; currency?: string | undefined; start: string; end: string; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<Statement> {
    return this.requester.send({ method: 'GET', path: '/api/v1/statement', query: question });
  }

  /** A statement of account as CSV: the opening balance, the entries and the closing balance. */
  async statementCsv(question: { asOf?: string | undefined; knownAt?: string | undefined; tenantId?: string | undefined; payerId?: string | undefined; currency?: string | undefined; start: string; end: string; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<StatementCsvAnswer> {
    return this.requester.send({ method: 'GET', path: '/api/v1/statement/csv', query: question });
  }

  /** A statement of account as an HTML page, to print or to send. */
  async statementDocument(question: { asOf?: string | undefined; knownAt?: string | undefined; tenantId?: string | undefined; payerId?: string | undefined; currency?: string | undefined; start: string; end: string; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<StatementDocumentAnswer> {
    return this.requester.send({ method: 'GET', path: '/api/v1/statement/document', query: question });
  }

  /** One invoice, by id or number, as an HTML page, to print or to send. */
  async invoiceDocument(question: { asOf?: string | undefined; knownAt?: string | undefined; id: string; withoutZeroLines?: "true" | "false" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<InvoiceDocumentAnswer> {
    const { id, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/invoices/${encodeURIComponent(id)}/document`, query });
  }

  /** One credit note, by id or number, as an HTML page, to print or to send. */
  async creditNoteDocument(question: { asOf?: string | undefined; knownAt?: string | undefined; id: string; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<CreditNoteDocumentAnswer> {
    const { id, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/credit-notes/${encodeURIComponent(id)}/document`, query });
  }

  /** One consolidated invoice, by id or number, as an HTML page, to print or to send. */
  async consolidatedInvoiceDocument(question: { asOf?: string | undefined; knownAt?: string | undefined; id: string; withoutZeroLines?: "true" | "false" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<ConsolidatedInvoiceDocumentAnswer> {
    const { id, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/consolidated-invoices/${encodeURIComponent(id)}/document`, query });
  }

  /** One issued or consolidated invoice, by id or number, as an electronic invoice in UBL 2.1. */
  async invoiceUbl(question: { asOf?: string | undefined; knownAt?: string | undefined; id: string; profile?: "en16931" | "peppol" | "xrechnung" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<InvoiceUblAnswer> {
    const { id, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/invoices/${encodeURIComponent(id)}/ubl`, query });
  }

  /** One issued or consolidated invoice, by id or number, as a cross industry invoice (the XML of Factur-X). */
  async invoiceCii(question: { asOf?: string | undefined; knownAt?: string | undefined; id: string; profile?: "en16931" | "facturx" | "xrechnung" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<InvoiceCiiAnswer> {
    const { id, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/invoices/${encodeURIComponent(id)}/cii`, query });
  }

  /** One credit note, by id or number, as an electronic credit note in UBL 2.1. */
  async creditNoteUbl(question: { asOf?: string | undefined; knownAt?: string | undefined; id: string; profile?: "en16931" | "peppol" | "xrechnung" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<CreditNoteUblAnswer> {
    const { id, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/credit-notes/${encodeURIComponent(id)}/ubl`, query });
  }

  /** One credit note, by id or number, as a cross industry invoice (the XML of Factur-X). */
  async creditNoteCii(question: { asOf?: string | undefined; knownAt?: string | undefined; id: string; profile?: "en16931" | "facturx" | "xrechnung" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<CreditNoteCiiAnswer> {
    const { id, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/credit-notes/${encodeURIComponent(id)}/cii`, query });
  }

  /** Coupons and credits with their balance, and the amounts that issued invoices have taken. */
  async credits(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; tenantId?: string | undefined; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<CreditPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/credits', query: question });
  }

  /** Revenue, cost and margin of a month, overall and by tenant, deployment and kind, in one currency. */
  async margin(question: { asOf?: string | undefined; knownAt?: string | undefined; period: string; currency?: string | undefined; withoutDeployments?: "true" | "false" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<Margin> {
    return this.requester.send({ method: 'GET', path: '/api/v1/dashboard/margin', query: question });
  }

  /** Revenue, cost, margin and coverage of each month from one to another, in one currency. */
  async marginTrend(question: { asOf?: string | undefined; knownAt?: string | undefined; from: string; to: string; currency?: string | undefined; by?: "tenant" | "deployment" | "kind" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<MarginTrend> {
    return this.requester.send({ method: 'GET', path: '/api/v1/dashboard/margin/trend', query: question });
  }

  /** Why the margin of a month differs from that of another one, or from what was known of it before: price, volume, mix, fees, corrections, cost and moves, which add up to the difference. */
  async marginBridge(question: { asOf?: string | undefined; knownAt?: string | undefined; from?: string | undefined; to?: string | undefined; period?: string | undefined; fromAsOf?: string | undefined; currency?: string | undefined; tenantId?: string | undefined; part?: "price" | "volume" | "mix" | "new_business" | "lost_business" | "fees" | "corrections" | "new_resources" | "gone_resources" | "same_resources" | "cost_without_resource" | "shared_cost" | "moves" | undefined; deploymentId?: string | undefined; billingKind?: string | undefined; provider?: string | undefined; kind?: string | undefined; resourceId?: string | undefined; first?: number | undefined; skip?: number | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<MarginBridge> {
    return this.requester.send({ method: 'GET', path: '/api/v1/dashboard/margin/bridge', query: question });
  }

  /** The rules by which alerts about margin and cost are raised, with the periods in which they are in force. */
  async marginAlerts(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; alertId?: string | undefined; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<MarginAlertPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/margin-alerts', query: question });
  }

  /** The alerts about margin and cost that were raised, and which of them were cleared. */
  async alerts(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; alertId?: string | undefined; state?: "raised" | "cleared" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<AlertPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/alerts', query: question });
  }

  /** What units of billing kinds are estimated to cost, with the periods in which that is in force. */
  async costRates(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; billingKind?: string | undefined; at?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<CostRatePage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/cost-rates', query: question });
  }

  /** Of months whose bill has come: what usage was estimated to cost and what it did cost, by billing kind. */
  async costVariance(question: { asOf?: string | undefined; knownAt?: string | undefined; from: string; to: string; currency?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<CostVariance> {
    return this.requester.send({ method: 'GET', path: '/api/v1/dashboard/margin/variance', query: question });
  }

  /** Revenue, cost and margin of each billing kind and per unit, of the months from one to another. */
  async marginUnits(question: { asOf?: string | undefined; knownAt?: string | undefined; from: string; to: string; currency?: string | undefined; by?: "month" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<MarginUnits> {
    return this.requester.send({ method: 'GET', path: '/api/v1/dashboard/margin/units', query: question });
  }

  /** What is billed of each billing kind against its list value, and why it is less or more. */
  async priceRealisation(question: { asOf?: string | undefined; knownAt?: string | undefined; from: string; to: string; currency?: string | undefined; by?: "month" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<PriceRealisation> {
    return this.requester.send({ method: 'GET', path: '/api/v1/dashboard/margin/realisation', query: question });
  }

  /** A month against paper: imported lines and provider totals, issued lines and revenue, and what cost, inventory and usage do not have in common. */
  async reconciliation(question: { asOf?: string | undefined; knownAt?: string | undefined; period: string; currency?: string | undefined; list?: "kinds_not_metered" | "kinds_not_mapped" | "usage_without_price" | "usage_unbilled" | "cost_without_inventory" | "inventory_without_cost" | "usage_without_cost" | "cost_without_usage" | undefined; first?: number | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<Reconciliation> {
    return this.requester.send({ method: 'GET', path: '/api/v1/dashboard/reconciliation', query: question });
  }

  /** All items of one list of the reconciliation of a month, page by page. */
  async reconciliationItems(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; period: string; currency?: string | undefined; list: "kinds_not_metered" | "kinds_not_mapped" | "usage_without_price" | "usage_unbilled" | "cost_without_inventory" | "inventory_without_cost" | "usage_without_cost" | "cost_without_usage"; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<OpenItemPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/dashboard/reconciliation/items', query: question });
  }

  /** All provider invoices of the reconciliation of a month, page by page: imported lines and recorded totals. */
  async reconciliationInvoices(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; period: string; currency?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<ReconciledBillPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/dashboard/reconciliation/invoices', query: question });
  }

  /** What each subscription comes to so far, what is issued of it, and what is unbilled, in one currency: its open period, and what ended and is not billed yet. */
  async accrual(question: { asOf?: string | undefined; knownAt?: string | undefined; at?: string | undefined; currency?: string | undefined; withoutSubscriptions?: "true" | "false" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<Accrual> {
    return this.requester.send({ method: 'GET', path: '/api/v1/dashboard/accrual', query: question });
  }

  /** What was corrected and is not booked yet, by tenant and currency: what the next invoice books of it. A page has the tenants among the next `limit` that may owe something. */
  async owed(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<OwedCorrectionsPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/owed', query: question });
  }

  /** Traces an invoice, line, part, row, usage record or margin to its events, or an event to the invoices that use it. A tenant gets the arithmetic, usage and prices of its own charges, and of invoices that it pays for others, without events. */
  async explain(question: { asOf?: string | undefined; knownAt?: string | undefined; id: string; at?: string | undefined; first?: number | undefined; deploymentId?: string | undefined; billingKind?: string | undefined; kind?: string | undefined; without?: "deployment" | "tenant" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<Explained> {
    const { id, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/audit/explain/${encodeURIComponent(id)}`, query });
  }

  /** The events of the log, or of one stream, after a position: by type, actor and time of recording. */
  async events(question: { asOf?: string | undefined; knownAt?: string | undefined; stream?: string | undefined; after?: number | undefined; type?: string | undefined; actor?: string | undefined; start?: string | undefined; end?: string | undefined; order?: "oldest" | "newest" | undefined; limit?: number | undefined; cursor?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<EventPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/audit/events', query: question });
  }

  /** Where the books changed along the log: issued invoices, and corrections or late facts that reach invoiced lines. Neighbouring ones are counted together. */
  async marks(question: { asOf?: string | undefined; knownAt?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<ChangeMarks> {
    return this.requester.send({ method: 'GET', path: '/api/v1/audit/marks', query: question });
  }

  /** Changes of rates, usage, lines, invoices and margin between two moments of recording, each with its events. */
  async diff(question: { asOf?: string | undefined; knownAt?: string | undefined; from: string; to?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<Differences> {
    return this.requester.send({ method: 'GET', path: '/api/v1/audit/diff', query: question });
  }

  /** Checks all invariants of the recorded data: failures and notices, each with ids and a remedy. */
  async check(question: { asOf?: string | undefined; knownAt?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<Checked> {
    return this.requester.send({ method: 'GET', path: '/api/v1/audit/check', query: question });
  }

  /** When the ledger was last checked as of then, by whom, and what was found. It is not checked again. */
  async lastCheck(question: { waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<LastCheck> {
    return this.requester.send({ method: 'GET', path: '/api/v1/audit/check/last', query: question });
  }

  /** The signed checkpoints that were stored with the tree of the log. */
  async checkpoints(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<CheckpointPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/audit/checkpoints', query: question });
  }

  /** Computes the tree again from all bytes of the log, and compares it with the stored hashes, the checkpoints and the issued invoices. With a checkpoint from elsewhere, ledgerline verify proves more. */
  async verify(question: { waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<Verified> {
    return this.requester.send({ method: 'GET', path: '/api/v1/audit/verify', query: question });
  }

  /** An issued invoice (by id or number) with all that proves it under the last signed checkpoint, as the command line writes it: its events, with proofs. */
  async bundle(question: { asOf?: string | undefined; knownAt?: string | undefined; id: string; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<Bundle> {
    const { id, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/audit/bundles/${encodeURIComponent(id)}`, query });
  }

  /** The position, lag and version of each projection, and the state of a rebuild. With asOf: counts events up to then. */
  async projections(question: { asOf?: string | undefined; knownAt?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<ProjectionPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/projections', query: question });
  }

  /** The rebuilds and rollbacks of read models that were requested, each with its progress and its differences. */
  async rebuilds(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<RebuildPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/projections/rebuilds', query: question });
  }

  /** One rebuild or rollback: its progress while it runs, then its differences in rows and money. */
  async rebuild(question: { asOf?: string | undefined; knownAt?: string | undefined; rebuildId: string; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<Rebuild> {
    const { rebuildId, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/projections/rebuilds/${encodeURIComponent(rebuildId)}`, query });
  }

  /** The bearer tokens that were issued, with their roles and ends. The tokens themselves are not kept. */
  async tokens(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<TokenPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/tokens', query: question });
  }

  /** Issues a bearer token. An event records its id, role and end; the token itself is shown once. */
  async issueToken(body: NewToken): Promise<IssuedToken> {
    return this.requester.send({ method: 'POST', path: '/api/v1/tokens', body });
  }

  /** Commands that one person proposed and another approves or rejects, the oldest first. */
  async proposals(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; status?: "open" | "approved" | "rejected" | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<ProposalPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/proposals', query: question });
  }

  /** The HTTP endpoints that receive messages. */
  async webhooks(question: { asOf?: string | undefined; knownAt?: string | undefined; limit?: number | undefined; cursor?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<WebhookPage> {
    return this.requester.send({ method: 'GET', path: '/api/v1/webhooks', query: question });
  }

  /** The secret that messages to an endpoint are signed with. The log does not hold it. */
  async webhookSecret(question: { webhookId: string; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<WebhookSecret> {
    const { webhookId, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/webhooks/${encodeURIComponent(webhookId)}/secret`, query });
  }

  /** The messages to an endpoint and what came of them, the latest first. Delivered ones are kept for 30 days. */
  async webhookDeliveries(question: { webhookId: string; state?: "waiting" | "delivered" | "parked" | undefined; limit?: number | undefined; cursor?: string | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined }): Promise<WebhookDeliveryPage> {
    const { webhookId, ...query } = question;
    return this.requester.send({ method: 'GET', path: `/api/v1/webhooks/${encodeURIComponent(webhookId)}/deliveries`, query });
  }

  /** What happened after a log position, as the messages that endpoints receive, for a program that would rather pull. Ask again with the position of the answer. With wait, the answer comes when there is something new. */
  async feed(question: { asOf?: string | undefined; knownAt?: string | undefined; after?: number | undefined; wait?: number | undefined; type?: "invoice.drafted" | "invoice.issued" | "invoice.voided" | "invoice.paid" | "invoice.payment_withdrawn" | "credit_note.issued" | "consolidated_invoice.issued" | "consolidated_invoice.voided" | "payment.recorded" | "payment.applied" | "payment.application_withdrawn" | "payment.withdrawn" | "refund.recorded" | "refund.withdrawn" | "correction.owed" | "line.quarantined" | "usage.late" | "usage.unbilled" | "rate.corrected" | "day.metered" | "budget.threshold_reached" | "budget.threshold_undone" | "alert.raised" | "alert.cleared" | undefined; tenantId?: string | undefined; limit?: number | undefined; waitFor?: number | undefined; waitTimeoutMs?: number | undefined } = {}): Promise<Feed> {
    return this.requester.send({ method: 'GET', path: '/api/v1/events/feed', query: question });
  }

  /** Executes one command, or an array of commands in order. A refusal does not stop the rest. */
  async commands(body: Command | readonly (Command)[]): Promise<CommandOutcome | readonly (CommandOutcome)[]> {
    return this.requester.send({ method: 'POST', path: '/api/v1/commands', body });
  }

  /** Previews the changes in money that commands would make now. Nothing is recorded. */
  async preview(body: { readonly commands: readonly (Command)[]; readonly at?: string; readonly period?: string; readonly currency?: string }): Promise<Preview> {
    return this.requester.send({ method: 'POST', path: '/api/v1/preview', body });
  }
}
