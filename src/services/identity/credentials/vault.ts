import { type FernetKey, openFernet, sealFernet } from '../tokens/fernet.ts';
import type { KeyRepository } from '../tokens/key-repository.ts';

/** Seals the secrets of credentials, so that a copy of the database does not hold them. */
export interface Vault {
  seal(text: string): string;
  /** @throws {Error} when no key opens it: the key folder and the database do not belong together. */
  open(sealed: string): string;
}

/**
 * @param repository is read again when nothing opens a secret: another controller may have sealed all anew since.
 */
export function createVault(repository: Pick<KeyRepository<FernetKey>, 'keys' | 'reload'>): Vault {
  const openWithKnown = (sealed: string) => openFernet(repository.keys(), sealed);
  return {
    seal(text) {
      const key = repository.keys()[0];
      if (key === undefined) throw new Error('no key to seal credentials with');
      return sealFernet(key, Buffer.from(text), 0);
    },
    open(sealed) {
      let opened = openWithKnown(sealed);
      if (opened === undefined) {
        repository.reload();
        opened = openWithKnown(sealed);
      }
      if (opened === undefined) throw new Error('a credential cannot be opened with the keys that are there');
      return opened.plain.toString('utf8');
    },
  };
}
