import type { TokenProvider } from '../config.ts';
import type { IdentityKeys } from '../keys.ts';
import { createFernetCodec, type TokenCodec } from './codec.ts';
import { createJwsCodec, looksLikeJws } from './jws.ts';

/** Makes tokens of the one kind and reads those of both, so that a cloud goes from one to the other without a pause. */
export function createTokenCodec(provider: TokenProvider, keys: Pick<IdentityKeys, 'fernet' | 'jws'>): TokenCodec {
  const fernet = createFernetCodec(() => keys.fernet.keys());
  const jws = createJwsCodec(() => keys.jws.keys());
  return {
    encode: (claims) => (provider === 'jws' ? jws : fernet).encode(claims),
    decode: (token) => (looksLikeJws(token) ? jws : fernet).decode(token),
  };
}
