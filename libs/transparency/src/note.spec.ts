import { describe, expect, it } from '@jest/globals';
import { readCheckpoint, signCheckpoint } from './checkpoint.js';
import { newSigner, openNote, readSigner, readVerifier, signNote } from './note.js';

// The example of Go's golang.org/x/mod/sumdb/note: key, text and signature are from its documentation.
const SECRET = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
const PUBLIC = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const SIGNATURE =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';

describe('a signed note', () => {
  it('is the same as in another implementation', () => {
    const signer = readSigner(SECRET);
    expect(signer.verifier.text).toBe(PUBLIC);
    expect(signer.secret).toBe(SECRET);
    expect(signNote(TEXT, signer)).toBe(`${TEXT}\n${SIGNATURE}`);
    expect(openNote(`${TEXT}\n${SIGNATURE}`, readVerifier(PUBLIC))).toBe(TEXT);
  });

  it('is opened if it also has other signatures', () => {
    const other = '— Other AAAAAAAA\n';
    expect(openNote(`${TEXT}\n${other}${SIGNATURE}`, readVerifier(PUBLIC))).toBe(TEXT);
  });

  it('is refused if it was changed, has another signer, or is not a note', () => {
    const verifier = readVerifier(PUBLIC);
    expect(() => openNote(`${TEXT.replace('answer', 'problem')}\n${SIGNATURE}`, verifier)).toThrow(
      'the note was changed after it was signed',
    );
    expect(() => openNote(signNote(TEXT, newSigner('PeterNeumann')), verifier)).toThrow(
      'the note is not signed by PeterNeumann+c74f20a3',
    );
    expect(() => openNote(TEXT, verifier)).toThrow('this is not a signed note');
  });

  it('refuses mistyped keys', () => {
    expect(() => readVerifier(PUBLIC.replace('c74f', 'c74e'))).toThrow('does not match its key id');
    expect(() => readSigner(PUBLIC)).toThrow('the signing key is not of the form');
    expect(() => newSigner('two words')).toThrow("can't name a key");
  });
});

describe('a checkpoint', () => {
  const root = Buffer.alloc(32, 7);

  it('is a note of origin, size and root', () => {
    const signer = newSigner('ledgerline/test');
    const note = signCheckpoint({ size: 1207, root }, signer);
    expect(note.startsWith(`ledgerline/test\n1207\n${root.toString('base64')}\n\n— ledgerline/test `)).toBe(true);
    expect(readCheckpoint(note, signer.verifier)).toEqual({ origin: 'ledgerline/test', size: 1207, root });
  });

  it('is refused if the note says something else', () => {
    const signer = newSigner('ledgerline/test');
    const opened = (text: string) => () => readCheckpoint(signNote(text, signer), signer.verifier);
    expect(opened(`other\n5\n${root.toString('base64')}\n`)).toThrow(
      'the checkpoint is for log "other", not for ledgerline/test',
    );
    expect(opened(`ledgerline/test\n05\n${root.toString('base64')}\n`)).toThrow('the note is not a checkpoint');
  });
});
