/** Identifiers of organisations whose form Peppol checks, by the scheme of their electronic address (EAS). */
interface Identifier {
  /** The number of the rule of Peppol: `PEPPOL-COMMON-R0…`. */
  readonly rule: string;
  readonly scheme: string;
  /** The form, in a sentence. */
  readonly says: string;
  readonly isValid: (id: string) => boolean;
}

const digitsOf = (id: string): number[] => Array.from(id, Number);

/** The sum of digits times weights. After the last weight comes the first again. */
const weighted = (digits: readonly number[], weights: readonly number[]): number =>
  digits.reduce((sum, digit, index) => sum + digit * (weights[index % weights.length] ?? 0), 0);

/** From the digit before the check digit to the left. */
const beforeCheck = (digits: readonly number[]): number[] => digits.slice(0, -1).toReversed();

function isGln(id: string): boolean {
  const digits = digitsOf(id);
  return (10 - (weighted(beforeCheck(digits), [3, 1]) % 10)) % 10 === digits.at(-1);
}

function isNorwegian(id: string): boolean {
  const digits = digitsOf(id);
  return Number(id) > 0 && (11 - (weighted(beforeCheck(digits), [2, 3, 4, 5, 6, 7]) % 11)) % 11 === digits.at(-1);
}

const isBelgian = (id: string): boolean => 97 - (Number(id.slice(0, 8)) % 97) === Number(id.slice(8));

/** Luhn: of twice a digit, both digits count. */
function isSwedish(id: string): boolean {
  const doubled = digitsOf(id).map((digit, index) => (index % 2 === 0 ? digit * 2 : digit));
  return doubled.reduce((sum, each) => sum + Math.floor(each / 10) + (each % 10), 0) % 10 === 0;
}

function isAustralian(id: string): boolean {
  const [first = 0, ...others] = digitsOf(id);
  return weighted([first - 1, ...others], [10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) % 89 === 0;
}

/** Source: the rules of Peppol BIS Billing 3.0 that are of severity "fatal". */
export const IDENTIFIERS: readonly Identifier[] = [
  {
    ...{ rule: 'PEPPOL-COMMON-R040', scheme: '0088', says: 'A GLN has digits only.' },
    isValid: (id) => /^\d+$/.test(id) && isGln(id),
  },
  {
    ...{ rule: 'PEPPOL-COMMON-R041', scheme: '0192', says: 'A Norwegian organisation number has 9 digits.' },
    isValid: (id) => /^\d{9}$/.test(id) && isNorwegian(id),
  },
  {
    ...{ rule: 'PEPPOL-COMMON-R042', scheme: '0184', says: 'A Danish CVR number has 8 digits, perhaps after DK.' },
    isValid: (id) => /^(DK)?\d{8}$/.test(id),
  },
  {
    ...{ rule: 'PEPPOL-COMMON-R043', scheme: '0208', says: 'A Belgian enterprise number has 10 digits.' },
    isValid: (id) => /^\d{10}$/.test(id) && isBelgian(id),
  },
  {
    ...{ rule: 'PEPPOL-COMMON-R049', scheme: '0007', says: 'A Swedish organisation number has 10 digits.' },
    isValid: (id) => /^\d{10}$/.test(id) && isSwedish(id),
  },
  {
    ...{ rule: 'PEPPOL-COMMON-R050', scheme: '0151', says: 'An Australian Business Number has 11 digits.' },
    isValid: (id) => /^\d{11}$/.test(id) && isAustralian(id),
  },
];
