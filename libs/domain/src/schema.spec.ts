import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isId, zId, zRecordedId } from './schema.js';

const faultsOf = (id: string): string[] | undefined => zId.safeParse(id).error?.issues.map(({ message }) => message);

describe('an id', () => {
  it.each(['platform-admin', 'Größe 4 €', '東京/一号', 'Ωmega', 'e\u{1F680}', '-- ; DROP', 'a b'])(
    'may be the free text %j',
    (id) => {
      expect(faultsOf(id)).toBeUndefined();
      expect(isId(id)).toBe(true);
    },
  );

  const unseen = ['contains characters that cannot be seen (control, format, filler or unassigned ones)'];
  it.each([
    ['a zero-width space', 'ac\u200bme', unseen],
    ['a zero-width joiner', 'ac\u200dme', unseen],
    ['a soft hyphen', 'ac\u00adme', unseen],
    ['a byte order mark', '\ufeffacme', unseen],
    ['a change of direction', 'ac\u202eem', unseen],
    ['an invisible tag', 'acme\u{e0041}', unseen],
    ['a control character outside ASCII', 'ac\u0085me', unseen],
    ['a filler', 'acme\u3164', unseen],
    ['a joiner of graphemes', 'acme\u034f', unseen],
    ['a variation selector', 'acme\ufe00', unseen],
    ['an empty Braille pattern', '\u2800', unseen],
    ['a line separator', 'acme\u2028', unseen],
    ['a character that is not assigned', 'ac\u0378me', unseen],
    ['a control character', 'ac\tme', ['contains control characters']],
    // "é" of two characters.
    ['letters in parts', 'cafe\u0301', ['is not in the Unicode form NFC']],
    // Ångström's sign, which NFC replaces by the letter.
    ['a sign that is a letter', '10\u212b', ['is not in the Unicode form NFC']],
  ])('has not %s, which looks like nothing or like another', (_, id, faults) => {
    expect(faultsOf(id)).toEqual(faults);
    expect(isId(id)).toBe(false);
  });

  it('that was recorded before is read as it is', () => {
    for (const id of ['ac\u200bme', 'cafe\u0301']) expect(zRecordedId.parse(id)).toBe(id);
  });

  it('is the same for the quick check as for the schema', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme', maxLength: 300 }), fc.string());
    fc.assert(fc.property(text, (id) => isId(id) === zId.safeParse(id).success));
  });
});
