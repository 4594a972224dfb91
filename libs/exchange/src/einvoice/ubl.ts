import type { Address, Days, EInvoice, Line, Party, TaxTotal } from './model.js';
import type { ProfileName } from './profiles.js';
import { PROFILES } from './profiles.js';
import { attributed, type Children, xml } from './xml.js';

const OASIS = 'urn:oasis:names:specification:ubl:schema:xsd';
const VAT = { 'cbc:ID': 'VAT' };
/** BT-32 is registered with a scheme other than VAT. */
const OTHER_TAX = { 'cbc:ID': 'FC' };

/** Writes UBL 2.1. The elements are in the order of its schema. */
export function ubl(invoice: EInvoice, profile: ProfileName): string {
  const isNote = invoice.typeCode === '381';
  const root = isNote ? 'CreditNote' : 'Invoice';
  const { specification, process } = PROFILES[profile];
  const { dueDate, payment, paymentTerms, preceding } = invoice;
  const amount = (value: string): Children => attributed(value, { currencyID: invoice.currency });
  return xml(
    root,
    {
      xmlns: `${OASIS}:${root}-2`,
      'xmlns:cac': `${OASIS}:CommonAggregateComponents-2`,
      'xmlns:cbc': `${OASIS}:CommonBasicComponents-2`,
    },
    {
      'cbc:CustomizationID': specification,
      'cbc:ProfileID': process,
      'cbc:ID': invoice.number,
      'cbc:IssueDate': invoice.issueDate,
      ...(isNote
        ? { 'cbc:CreditNoteTypeCode': invoice.typeCode }
        : { 'cbc:DueDate': dueDate, 'cbc:InvoiceTypeCode': invoice.typeCode }),
      'cbc:Note': invoice.note,
      'cbc:DocumentCurrencyCode': invoice.currency,
      'cbc:BuyerReference': invoice.buyerReference,
      'cac:InvoicePeriod': invoice.period === null ? null : periodOf(invoice.period),
      'cac:BillingReference': preceding.map(({ number, issueDate }) => ({
        'cac:InvoiceDocumentReference': { 'cbc:ID': number, 'cbc:IssueDate': issueDate },
      })),
      'cac:AccountingSupplierParty': { 'cac:Party': partyOf(invoice.seller) },
      'cac:AccountingCustomerParty': { 'cac:Party': partyOf(invoice.buyer) },
      'cac:Delivery':
        invoice.deliverTo === null ? null : { 'cac:DeliveryLocation': { 'cac:Address': addressOf(invoice.deliverTo) } },
      'cac:PaymentMeans':
        payment === null
          ? null
          : {
              'cbc:PaymentMeansCode': payment.code,
              'cbc:PaymentID': payment.account === null ? null : invoice.number,
              'cac:PayeeFinancialAccount':
                payment.account === null
                  ? null
                  : {
                      'cbc:ID': payment.account,
                      'cbc:Name': payment.accountName,
                      'cac:FinancialInstitutionBranch': payment.bic === null ? null : { 'cbc:ID': payment.bic },
                    },
            },
      'cac:PaymentTerms': paymentTerms === null ? null : { 'cbc:Note': paymentTerms },
      'cac:TaxTotal': {
        'cbc:TaxAmount': amount(invoice.totals.tax),
        'cac:TaxSubtotal': invoice.taxes.map((tax) => ({
          'cbc:TaxableAmount': amount(tax.taxable),
          'cbc:TaxAmount': amount(tax.tax),
          'cac:TaxCategory': categoryOf(tax),
        })),
      },
      'cac:LegalMonetaryTotal': {
        'cbc:LineExtensionAmount': amount(invoice.totals.lines),
        'cbc:TaxExclusiveAmount': amount(invoice.totals.withoutTax),
        'cbc:TaxInclusiveAmount': amount(invoice.totals.withTax),
        'cbc:PrepaidAmount': invoice.totals.paid === null ? null : amount(invoice.totals.paid),
        'cbc:PayableAmount': amount(invoice.totals.due),
      },
      [`cac:${root}Line`]: invoice.lines.map((line) => lineOf(line, isNote, amount)),
    },
  );
}

const periodOf = ({ start, end }: Days): Children => ({ 'cbc:StartDate': start, 'cbc:EndDate': end });

function partyOf(party: Party): Children {
  const { electronicAddress, name, address, vatId, taxNumber, registrationId, contact } = party;
  const taxSchemes = [
    ...(vatId === null ? [] : [{ 'cbc:CompanyID': vatId, 'cac:TaxScheme': VAT }]),
    ...(taxNumber === null ? [] : [{ 'cbc:CompanyID': taxNumber, 'cac:TaxScheme': OTHER_TAX }]),
  ];
  return {
    'cbc:EndpointID':
      electronicAddress === null ? null : attributed(electronicAddress.id, { schemeID: electronicAddress.scheme }),
    'cac:PostalAddress': addressOf(address),
    'cac:PartyTaxScheme': taxSchemes,
    'cac:PartyLegalEntity': { 'cbc:RegistrationName': name, 'cbc:CompanyID': registrationId },
    'cac:Contact':
      contact === null
        ? null
        : { 'cbc:Name': contact.name, 'cbc:Telephone': contact.phone, 'cbc:ElectronicMail': contact.email },
  };
}

function addressOf({ lines: [first, second, third], city, postalCode, countryCode }: Address): Children {
  return {
    'cbc:StreetName': first ?? null,
    'cbc:AdditionalStreetName': second ?? null,
    'cbc:CityName': city,
    'cbc:PostalZone': postalCode,
    'cac:AddressLine': third === undefined ? null : { 'cbc:Line': third },
    'cac:Country': countryCode === null ? null : { 'cbc:IdentificationCode': countryCode },
  };
}

const categoryOf = ({ category, rate, reason, reasonCode }: TaxTotal): Children => ({
  'cbc:ID': category,
  'cbc:Percent': rate,
  'cbc:TaxExemptionReasonCode': reasonCode,
  'cbc:TaxExemptionReason': reason,
  'cac:TaxScheme': VAT,
});

function lineOf(line: Line, isNote: boolean, amount: (value: string) => Children): Children {
  const { id, note, quantity, unitCode, net, period, adjustments, name, description, category, rate, price } = line;
  return {
    'cbc:ID': id,
    'cbc:Note': note,
    [isNote ? 'cbc:CreditedQuantity' : 'cbc:InvoicedQuantity']: attributed(quantity, { unitCode }),
    'cbc:LineExtensionAmount': amount(net),
    'cac:InvoicePeriod': periodOf(period),
    'cac:AllowanceCharge': adjustments.map((each) => ({
      'cbc:ChargeIndicator': String(each.kind === 'charge'),
      'cbc:AllowanceChargeReason': each.reason,
      'cbc:Amount': amount(each.amount),
    })),
    'cac:Item': {
      'cbc:Description': description,
      'cbc:Name': name,
      'cac:ClassifiedTaxCategory': { 'cbc:ID': category, 'cbc:Percent': rate, 'cac:TaxScheme': VAT },
    },
    'cac:Price': { 'cbc:PriceAmount': amount(price) },
  };
}
