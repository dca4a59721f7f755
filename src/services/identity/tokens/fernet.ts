import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeyKind } from './key-repository.ts';

/**
 * Fernet: AES-128-CBC, then HMAC-SHA256 over version, time, IV and cipher text.
 * @see https://github.com/fernet/spec/blob/master/Spec.md
 */
export interface FernetKey {
  readonly signing: Buffer;
  readonly encryption: Buffer;
}

const VERSION = 0x80;
const IV_AT = 9;
const CIPHER_AT = 25;
const HMAC_BYTES = 32;
const KEY_BYTES = 32;
/** Nothing that we seal is longer. */
const MAX_TOKEN_LENGTH = 262_144;
const ALPHABET = /^[A-Za-z0-9_-]+={0,2}$/;

/**
 * Reads a key as its file holds it: 32 bytes in URL-safe base64.
 * @throws {RangeError} when it is none.
 */
export function parseFernetKey(text: string): FernetKey {
  const bytes = Buffer.from(text.trim(), 'base64url');
  if (bytes.length !== KEY_BYTES) throw new RangeError('a Fernet key has 32 bytes in URL-safe base64');
  return { signing: bytes.subarray(0, 16), encryption: bytes.subarray(16) };
}

/** A new key, as its file holds it. */
export function newFernetKey(): string {
  return padded(randomBytes(KEY_BYTES).toString('base64url'));
}

/** Fernet keys, for a folder of them. */
export const FERNET_KEYS: KeyKind<FernetKey> = { create: newFernetKey, parse: parseFernetKey };

/** Seals bytes; the time of sealing, in whole seconds, can be read by anyone. Padding is left to the caller. */
export function sealFernet(key: FernetKey, plain: Uint8Array, nowMs: number): string {
  const head = Buffer.alloc(CIPHER_AT);
  head.writeUInt8(VERSION, 0);
  head.writeBigUInt64BE(BigInt(Math.floor(nowMs / 1000)), 1);
  const iv = randomBytes(16);
  iv.copy(head, IV_AT);
  const cipher = createCipheriv('aes-128-cbc', key.encryption, iv);
  const body = Buffer.concat([head, cipher.update(plain), cipher.final()]);
  const mac = createHmac('sha256', key.signing).update(body).digest();
  return Buffer.concat([body, mac]).toString('base64url');
}

export interface Opened {
  readonly plain: Buffer;
  /** Whole seconds since 1970. */
  readonly sealedAtSeconds: number;
}

/** Opens what any of the keys sealed; undefined for everything else. */
export function openFernet(keys: readonly FernetKey[], text: string): Opened | undefined {
  if (text.length > MAX_TOKEN_LENGTH || !ALPHABET.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  const cipherBytes = bytes.length - CIPHER_AT - HMAC_BYTES;
  if (cipherBytes < 16 || cipherBytes % 16 !== 0 || bytes[0] !== VERSION) return undefined;
  const body = bytes.subarray(0, -HMAC_BYTES);
  const mac = bytes.subarray(-HMAC_BYTES);
  const key = keys.find(({ signing }) => timingSafeEqual(createHmac('sha256', signing).update(body).digest(), mac));
  if (key === undefined) return undefined;
  const decipher = createDecipheriv('aes-128-cbc', key.encryption, body.subarray(IV_AT, CIPHER_AT));
  try {
    const plain = Buffer.concat([decipher.update(body.subarray(CIPHER_AT)), decipher.final()]);
    return { plain, sealedAtSeconds: Number(body.readBigUInt64BE(1)) };
  } catch {
    // The signature was right and the padding is not: sealed by something else with our key.
    return undefined;
  }
}

function padded(text: string): string {
  return text + '='.repeat((4 - (text.length % 4)) % 4);
}
