import { type FernetKey, openFernet, sealFernet } from '../tokens/fernet.ts';

/** Seals the secrets of credentials, so that a copy of the database does not hold them. */
export interface Vault {
  seal(text: string): string;
  /** @throws {Error} when no key opens it: the key folder and the database do not belong together. */
  open(sealed: string): string;
}

export function createVault(keys: () => readonly FernetKey[]): Vault {
  return {
    seal(text) {
      const key = keys()[0];
      if (key === undefined) throw new Error('no key to seal credentials with');
      return sealFernet(key, Buffer.from(text), 0);
    },
    open(sealed) {
      const opened = openFernet(keys(), sealed);
      if (opened === undefined) throw new Error('a credential cannot be opened with the keys that are there');
      return opened.plain.toString('utf8');
    },
  };
}
