/** Making and reading keys as SSH writes them (RFC 4253, 5656, 8709) and X.509 certificates. */
import { createHash, generateKeyPair, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import { BadRequest } from '#kernel/errors.ts';

/** As the real service: small enough for every client, large enough until the 2030s. */
const RSA_BITS = 2048;

export interface GeneratedKey {
  readonly privateKey: string;
  readonly publicKey: string;
  readonly fingerprint: string;
}

/** Makes an RSA key: the private part in PEM (PKCS #1), the public part in one line. */
export async function generateSshKey(): Promise<GeneratedKey> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS });
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  const blob = Buffer.concat([sshString(Buffer.from('ssh-rsa')), sshInteger(e), sshInteger(n)]);
  return {
    privateKey: String(privateKey.export({ type: 'pkcs1', format: 'pem' })),
    publicKey: `ssh-rsa ${blob.toString('base64')} Generated-by-Nova`,
    fingerprint: md5Fingerprint(blob),
  };
}

function sshString(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A positive number, with a zero in front when its first bit would make it negative. */
function sshInteger(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, 'base64url');
  return sshString((bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

/**
 * The fingerprint of a public key in SSH's one-line form: MD5 in pairs of digits.
 * @throws {BadRequest} `compute.key_pair.invalid` for what is no such key.
 */
export function sshFingerprint(publicKey: string): string {
  const [type = '', base64 = ''] = publicKey.split(' ', 2).map((part) => part.trim());
  const blob = /^[A-Za-z0-9+/]+={0,2}$/.test(base64) ? Buffer.from(base64, 'base64') : Buffer.alloc(0);
  if (!isKeyOfType(type, blob))
    throw new BadRequest('compute.key_pair.invalid', 'Keypair data is invalid: failed to generate fingerprint');
  return md5Fingerprint(blob);
}

type FieldCheck = (field: Buffer) => boolean;
const isNumber: FieldCheck = (field) => field.length > 0 && (field[0] ?? 0x80) < 0x80;
const isModulus: FieldCheck = (field) => isNumber(field) && field.length > 64 && field.length <= 2049;
const isText: FieldCheck = (field) => field.length > 0 && field.length < 256;
const hasLength =
  (length: number): FieldCheck =>
  (field) =>
    field.length === length;
const ecdsa = (curve: string, coordinateLength: number): readonly FieldCheck[] => [
  (field) => field.toString('latin1') === curve,
  (field) => field.length === 1 + 2 * coordinateLength && field[0] === 4,
];

/** The fields that follow the type's name in a key's bytes. */
const KEY_TYPES: ReadonlyMap<string, readonly FieldCheck[]> = new Map([
  ['ssh-rsa', [isNumber, isModulus]],
  ['ssh-dss', [isModulus, isNumber, isNumber, isNumber]],
  ['ssh-ed25519', [hasLength(32)]],
  ['ecdsa-sha2-nistp256', ecdsa('nistp256', 32)],
  ['ecdsa-sha2-nistp384', ecdsa('nistp384', 48)],
  ['ecdsa-sha2-nistp521', ecdsa('nistp521', 66)],
  ['sk-ssh-ed25519@openssh.com', [hasLength(32), isText]],
  ['sk-ecdsa-sha2-nistp256@openssh.com', [...ecdsa('nistp256', 32), isText]],
]);

function isKeyOfType(type: string, blob: Buffer): boolean {
  const checks = KEY_TYPES.get(type);
  const [name, ...fields] = sshFields(blob) ?? [];
  return (
    checks !== undefined &&
    name?.toString('latin1') === type &&
    fields.length === checks.length &&
    checks.every((check, i) => check(fields[i] ?? Buffer.alloc(0)))
  );
}

/** The length-prefixed fields that bytes are made of; undefined when they aren't. */
function sshFields(bytes: Buffer): Buffer[] | undefined {
  const fields: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) return undefined;
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return undefined;
    fields.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

function md5Fingerprint(blob: Buffer): string {
  return inPairs(createHash('md5').update(blob).digest('hex'));
}

function inPairs(hex: string): string {
  return (hex.match(/../g) ?? []).join(':');
}

/**
 * The fingerprint of a certificate in PEM: SHA-1 in pairs of digits.
 * @throws {BadRequest} `compute.key_pair.invalid`
 */
export function certificateFingerprint(pem: string): string {
  try {
    if (!pem.trimStart().startsWith('-----BEGIN CERTIFICATE-----')) throw new TypeError('not in PEM');
    return inPairs(createHash('sha1').update(new X509Certificate(pem).raw).digest('hex'));
  } catch (cause) {
    throw new BadRequest(
      'compute.key_pair.invalid',
      'Keypair data is invalid: failed to generate X509 fingerprint. Error message: Unable to load certificate',
      { cause },
    );
  }
}
