import { describe, expect, it } from '@jest/globals';
import { fitting, type Held } from './known-usage.js';

const aws: Held = { provider: 'aws', holder: 'aws' };
const gcp: Held = { provider: 'gcp', holder: 'gcp' };
/** Recorded without a provider, which nobody has named. */
const nameless: Held = { provider: '', holder: '' };
/** Recorded without a provider; a later reading named aws. */
const namedAws: Held = { provider: '', holder: 'aws' };

describe('fitting: which readings of a key a new one may be', () => {
  it('is none where no reading is known', () => {
    expect(fitting([], 'aws')).toEqual([]);
    expect(fitting([], '')).toEqual([]);
  });

  it('is the reading of the same provider', () => {
    expect(fitting([aws, gcp], 'gcp')).toEqual([gcp]);
    expect(fitting([nameless, aws], 'aws')).toEqual([aws]);
    expect(fitting([aws, nameless], '')).toEqual([nameless]);
  });

  it('is none where the known readings name other providers', () => {
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
