import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';

/** A new key for what controllers share, as its file holds it. */
export function newCloudKey(): string {
  return randomBytes(KEY_BYTES).toString('base64url');
}

/**
 * Seals a text so that a copy of the database does not tell it.
 * @param name what it is; it opens under this name only.
 * @throws {Error} when the key is none.
 */
export function seal(cloudKey: string, name: string, text: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(cloudKey), iv).setAAD(Buffer.from(name));
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url');
}

/** @throws {Error} when the key, or the name, is another than it was sealed with. */
export function unseal(cloudKey: string, name: string, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64url');
  const tagEnd = IV_BYTES + TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, keyOf(cloudKey), bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(name))
    .setAuthTag(bytes.subarray(IV_BYTES, tagEnd));
  return Buffer.concat([decipher.update(bytes.subarray(tagEnd)), decipher.final()]).toString('utf8');
}

function keyOf(text: string): Buffer {
  const key = Buffer.from(text.trim(), 'base64url');
  if (key.length !== KEY_BYTES) throw new Error(`the cloud's key has ${KEY_BYTES} bytes in URL-safe base64`);
  return key;
}
