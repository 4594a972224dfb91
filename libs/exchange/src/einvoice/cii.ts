import type { Address, Days, EInvoice, Line, Party, TaxTotal } from './model.js';
import { type ProfileName, PROFILES } from './profiles.js';
import { attributed, type Children, xml } from './xml.js';

const UNECE = 'urn:un:unece:uncefact:data:standard';

/** Writes a cross industry invoice (UN/CEFACT D16B). The elements are in the order of its schema. */
export function cii(invoice: EInvoice, profile: ProfileName): string {
  const { specification, process } = PROFILES[profile];
  return xml(
    'rsm:CrossIndustryInvoice',
    {
      'xmlns:rsm': `${UNECE}:CrossIndustryInvoice:100`,
      'xmlns:ram': `${UNECE}:ReusableAggregateBusinessInformationEntity:100`,
      'xmlns:qdt': `${UNECE}:QualifiedDataType:100`,
      'xmlns:udt': `${UNECE}:UnqualifiedDataType:100`,
    },
    {
      'rsm:ExchangedDocumentContext': {
        'ram:BusinessProcessSpecifiedDocumentContextParameter': process === null ? null : { 'ram:ID': process },
        'ram:GuidelineSpecifiedDocumentContextParameter': { 'ram:ID': specification },
      },
      'rsm:ExchangedDocument': {
        'ram:ID': invoice.number,
        'ram:TypeCode': invoice.typeCode,
        'ram:IssueDateTime': dateOf(invoice.issueDate, 'udt'),
        'ram:IncludedNote': invoice.note === null ? null : { 'ram:Content': invoice.note },
      },
      'rsm:SupplyChainTradeTransaction': {
        'ram:IncludedSupplyChainTradeLineItem': invoice.lines.map(lineOf),
        'ram:ApplicableHeaderTradeAgreement': {
          'ram:BuyerReference': invoice.buyerReference,
          'ram:SellerTradeParty': partyOf(invoice.seller),
          'ram:BuyerTradeParty': partyOf(invoice.buyer),
        },
        'ram:ApplicableHeaderTradeDelivery':
          invoice.deliverTo === null
            ? {}
            : { 'ram:ShipToTradeParty': { 'ram:PostalTradeAddress': addressOf(invoice.deliverTo) } },
        'ram:ApplicableHeaderTradeSettlement': settlementOf(invoice),
      },
    },
  );
}

/** Dates are written `20260430`, which is format 102. */
const dateOf = (date: string, namespace: 'udt' | 'qdt'): Children => ({
  [`${namespace}:DateTimeString`]: attributed(date.replaceAll('-', ''), { format: '102' }),
});

const periodOf = ({ start, end }: Days): Children => ({
  'ram:StartDateTime': dateOf(start, 'udt'),
  'ram:EndDateTime': dateOf(end, 'udt'),
});

function partyOf(party: Party): Children {
  const { name, registrationId, contact, address, electronicAddress, vatId, taxNumber } = party;
  const registrations = [
    ...(vatId === null ? [] : [{ 'ram:ID': attributed(vatId, { schemeID: 'VA' }) }]),
    ...(taxNumber === null ? [] : [{ 'ram:ID': attributed(taxNumber, { schemeID: 'FC' }) }]),
  ];
  return {
    'ram:Name': name,
    'ram:SpecifiedLegalOrganization': registrationId === null ? null : { 'ram:ID': registrationId },
    'ram:DefinedTradeContact':
      contact === null
        ? null
        : {
            'ram:PersonName': contact.name,
            'ram:TelephoneUniversalCommunication':
              contact.phone === null ? null : { 'ram:CompleteNumber': contact.phone },
            'ram:EmailURIUniversalCommunication': contact.email === null ? null : { 'ram:URIID': contact.email },
          },
    'ram:PostalTradeAddress': addressOf(address),
    'ram:URIUniversalCommunication':
      electronicAddress === null
        ? null
        : { 'ram:URIID': attributed(electronicAddress.id, { schemeID: electronicAddress.scheme }) },
    'ram:SpecifiedTaxRegistration': registrations,
  };
}

const addressOf = ({ lines: [first, second, third], city, postalCode, countryCode }: Address): Children => ({
  'ram:PostcodeCode': postalCode,
  'ram:LineOne': first ?? null,
  'ram:LineTwo': second ?? null,
  'ram:LineThree': third ?? null,
  'ram:CityName': city,
  'ram:CountryID': countryCode,
});

const taxOf = ({ tax, reason, taxable, category, reasonCode, rate }: TaxTotal): Children => ({
  'ram:CalculatedAmount': tax,
  'ram:TypeCode': 'VAT',
  'ram:ExemptionReason': reason,
  'ram:BasisAmount': taxable,
  'ram:CategoryCode': category,
  'ram:ExemptionReasonCode': reasonCode,
  'ram:RateApplicablePercent': rate,
});

function settlementOf(invoice: EInvoice): Children {
  const { payment, paymentTerms, dueDate, totals, currency, preceding } = invoice;
  return {
    'ram:PaymentReference': payment === null || payment.account === null ? null : invoice.number,
    'ram:InvoiceCurrencyCode': currency,
    'ram:SpecifiedTradeSettlementPaymentMeans':
      payment === null
        ? null
        : {
            'ram:TypeCode': payment.code,
            'ram:PayeePartyCreditorFinancialAccount':
              payment.account === null
                ? null
                : { 'ram:IBANID': payment.account, 'ram:AccountName': payment.accountName },
            'ram:PayeeSpecifiedCreditorFinancialInstitution':
              payment.bic === null ? null : { 'ram:BICID': payment.bic },
          },
    'ram:ApplicableTradeTax': invoice.taxes.map(taxOf),
    'ram:BillingSpecifiedPeriod': invoice.period === null ? null : periodOf(invoice.period),
    'ram:SpecifiedTradePaymentTerms':
      paymentTerms === null && dueDate === null
        ? null
        : {
            'ram:Description': paymentTerms,
            'ram:DueDateDateTime': dueDate === null ? null : dateOf(dueDate, 'udt'),
          },
    'ram:SpecifiedTradeSettlementHeaderMonetarySummation': {
      'ram:LineTotalAmount': totals.lines,
      'ram:TaxBasisTotalAmount': totals.withoutTax,
      'ram:TaxTotalAmount': attributed(totals.tax, { currencyID: currency }),
      'ram:GrandTotalAmount': totals.withTax,
      'ram:TotalPrepaidAmount': totals.paid,
      'ram:DuePayableAmount': totals.due,
    },
    'ram:InvoiceReferencedDocument': preceding.map(({ number, issueDate }) => ({
      'ram:IssuerAssignedID': number,
      'ram:FormattedIssueDateTime': issueDate === null ? null : dateOf(issueDate, 'qdt'),
    })),
  };
}

function lineOf(line: Line): Children {
  const { id, note, quantity, unitCode, net, period, adjustments, name, description, category, rate, price } = line;
  return {
    'ram:AssociatedDocumentLineDocument': {
      'ram:LineID': id,
      'ram:IncludedNote': note === null ? null : { 'ram:Content': note },
    },
    'ram:SpecifiedTradeProduct': { 'ram:Name': name, 'ram:Description': description },
    'ram:SpecifiedLineTradeAgreement': { 'ram:NetPriceProductTradePrice': { 'ram:ChargeAmount': price } },
    'ram:SpecifiedLineTradeDelivery': { 'ram:BilledQuantity': attributed(quantity, { unitCode }) },
    'ram:SpecifiedLineTradeSettlement': {
      'ram:ApplicableTradeTax': {
        'ram:TypeCode': 'VAT',
        'ram:CategoryCode': category,
        'ram:RateApplicablePercent': rate,
      },
      'ram:BillingSpecifiedPeriod': periodOf(period),
      'ram:SpecifiedTradeAllowanceCharge': adjustments.map((each) => ({
        'ram:ChargeIndicator': { 'udt:Indicator': String(each.kind === 'charge') },
        'ram:ActualAmount': each.amount,
        'ram:Reason': each.reason,
      })),
      'ram:SpecifiedTradeSettlementLineMonetarySummation': { 'ram:LineTotalAmount': net },
    },
  };
}
