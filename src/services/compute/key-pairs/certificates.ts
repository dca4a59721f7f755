/**
 * Client certificates for Windows guests: self-signed, for logging in as a user through WinRM.
 * @see nova/crypto.py, generate_winrm_x509_cert
 */
import { createHash, createHmac, generateKeyPair, type KeyObject, randomBytes, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { bits, explicit, integer, nothing, octets, oid, sequence, set, text, utcTime } from './der.ts';
import { certificateFingerprint, type GeneratedKey } from './keys.ts';

const RSA_BITS = 2048;
const VALID_DAYS = 3650;
const DAY_MS = 86_400_000;

const OID = {
  sha256WithRsa: '1.2.840.113549.1.1.11',
  commonName: '2.5.4.3',
  extendedKeyUsage: '2.5.29.37',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  subjectAltName: '2.5.29.17',
  userPrincipalName: '1.3.6.1.4.1.311.20.2.3',
  data: '1.2.840.113549.1.7.1',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  localKeyId: '1.2.840.113549.1.9.21',
  sha256: '2.16.840.1.101.3.4.2.1',
} as const;

/** Makes a key and its certificate: the private part as PKCS #12 in base64 without a password, the public one in PEM. */
export async function generateCertificate(userId: string, now: Date): Promise<GeneratedKey> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS });
  const certificate = certificateOf(userId, { privateKey, publicKey }, now);
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  const pem = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  return {
    privateKey: pkcs12Of(privateKey, certificate).toString('base64'),
    publicKey: pem,
    fingerprint: certificateFingerprint(pem),
  };
}

function certificateOf(
  userId: string,
  { privateKey, publicKey }: { readonly privateKey: KeyObject; readonly publicKey: KeyObject },
  now: Date,
): Buffer {
  const algorithm = sequence(oid(OID.sha256WithRsa), nothing());
  const name = sequence(set(sequence(oid(OID.commonName), text(userId))));
  const principal = explicit(0, oid(OID.userPrincipalName), explicit(0, text(`${userId}@localhost`)));
  const extensions = sequence(
    sequence(oid(OID.extendedKeyUsage), octets(sequence(oid(OID.clientAuth)))),
    sequence(oid(OID.subjectAltName), octets(sequence(principal))),
  );
  const version3 = explicit(0, integer(Buffer.from([2])));
  // A serial number must not be 0 and has at most 20 bytes.
  const serial = integer(Buffer.concat([Buffer.from([1]), randomBytes(18)]));
  const body = sequence(
    version3,
    serial,
    algorithm,
    name,
    sequence(utcTime(now), utcTime(new Date(now.getTime() + VALID_DAYS * DAY_MS))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, extensions),
  );
  return sequence(body, algorithm, bits(sign('sha256', body, privateKey)));
}

const MAC_ROUNDS = 2048;

/** The key and the certificate in one file (RFC 7292). It has no password, so nothing in it is encrypted. */
function pkcs12Of(privateKey: KeyObject, certificate: Buffer): Buffer {
  const mark = set(
    sequence(oid(OID.localKeyId), set(octets(createHash('sha256').update(certificate).digest().subarray(0, 20)))),
  );
  const key = privateKey.export({ type: 'pkcs8', format: 'der' });
  const keyBag = sequence(oid(OID.keyBag), explicit(0, key), mark);
  const held = sequence(oid(OID.x509Certificate), explicit(0, octets(certificate)));
  const certificateBag = sequence(oid(OID.certificateBag), explicit(0, held), mark);
  const contents = (...bags: readonly Buffer[]): Buffer =>
    sequence(oid(OID.data), explicit(0, octets(sequence(...bags))));
  const safe = sequence(contents(certificateBag), contents(keyBag));
  const salt = randomBytes(16);
  const mac = createHmac('sha256', macKey(salt)).update(safe).digest();
  return sequence(
    integer(Buffer.from([3])),
    sequence(oid(OID.data), explicit(0, octets(safe))),
    sequence(
      sequence(sequence(oid(OID.sha256), nothing()), octets(mac)),
      octets(salt),
      integer(Buffer.from([MAC_ROUNDS >> 8, MAC_ROUNDS & 0xff])),
    ),
  );
}

/** The key of the checksum for an empty password (RFC 7292, B.2; one block suffices). */
function macKey(salt: Buffer): Buffer {
  const block = 64;
  const fill = (bytes: Buffer): Buffer => Buffer.alloc(block, bytes);
  let key = Buffer.concat([Buffer.alloc(block, 3), fill(salt), fill(Buffer.from([0, 0]))]);
  for (let round = 0; round < MAC_ROUNDS; round++) key = createHash('sha256').update(key).digest();
  return key;
}
