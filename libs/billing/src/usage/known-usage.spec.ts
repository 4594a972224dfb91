import { describe, expect, it } from '@jest/globals';
import { fitting, type Held } from './known-usage.js';

const aws: Held = { provider: 'aws', holder: 'aws' };
const gcp: Held = { provider: 'gcp', holder: 'gcp' };
/** Recorded without a provider, which nobody has named. */
const nameless: Held = { provider: '', holder: '' };
/** Recorded without a provider; a later reading named aws. */
const namedAws: Held = { provider: '', holder: 'aws' };

describe('fitting: the readings of a key that a new one may equal', () => {
  it('is none if no reading is known', () => {
    expect(fitting([], 'aws')).toEqual([]);
    expect(fitting([], '')).toEqual([]);
  });

  it('is the reading of the same provider', () => {
    expect(fitting([aws, gcp], 'gcp')).toEqual([gcp]);
    expect(fitting([nameless, aws], 'aws')).toEqual([aws]);
    expect(fitting([aws, nameless], '')).toEqual([nameless]);
  });

  it('is none if the known readings name other providers', () => {
    expect(fitting([aws], 'gcp')).toEqual([]);
    expect(fitting([namedAws], 'gcp')).toEqual([]);
  });

  it('is the reading without a provider, for the first provider that is named', () => {
    expect(fitting([nameless], 'aws')).toEqual([nameless]);
    expect(fitting([gcp, nameless], 'aws')).toEqual([nameless]);
    expect(fitting([namedAws], 'aws')).toEqual([namedAws]);
  });

  it('is each of them for a reading without a provider', () => {
    expect(fitting([aws], '')).toEqual([aws]);
    expect(fitting([aws, gcp], '')).toEqual([aws, gcp]);
  });
});
