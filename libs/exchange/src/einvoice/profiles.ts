/** A use of the norm: what an invoice names as its specification, and the syntaxes in which it may be written. */
interface Profile {
  /** BT-24 */
  readonly specification: string;
  /** BT-23 */
  readonly process: string | null;
  readonly formats: readonly Format[];
}

export const FORMATS = ['ubl', 'cii'] as const;
export type Format = (typeof FORMATS)[number];

const EN16931 = 'urn:cen.eu:en16931:2017';
const PEPPOL_BILLING = 'urn:fdc:peppol.eu:2017:poacc:billing:01:1.0';

export const PROFILES = {
  en16931: { specification: EN16931, process: null, formats: FORMATS },
  /** Peppol BIS Billing 3.0 */
  peppol: {
    specification: `${EN16931}#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0`,
    process: PEPPOL_BILLING,
    formats: ['ubl'],
  },
  xrechnung: {
    specification: `${EN16931}#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0`,
    process: PEPPOL_BILLING,
    formats: FORMATS,
  },
  /** The XML of Factur-X and ZUGFeRD, profile EN 16931. */
  facturx: { specification: EN16931, process: null, formats: ['cii'] },
} as const satisfies Readonly<Record<string, Profile>>;
export type ProfileName = keyof typeof PROFILES;

export const PROFILES_OF = {
  ubl: ['en16931', 'peppol', 'xrechnung'],
  cii: ['en16931', 'facturx', 'xrechnung'],
} as const satisfies Readonly<Record<Format, readonly ProfileName[]>>;
