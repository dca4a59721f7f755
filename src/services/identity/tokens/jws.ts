/**
 * What a token says, as a JSON Web Signature that anyone can read and only this cloud can make: keystone's claims.
 *
 * Times are whole seconds in keystone's, and have milliseconds here (a NumericDate may), so that a token issued in the
 * second of a password change is not void with those before.
 * @see https://opendev.org/openstack/keystone/src/branch/unmaintained/zed/keystone/token/providers/jws/core.py
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import secureJson from 'secure-json-parse';
import type { TokenClaims, TokenCodec } from './codec.ts';
import type { KeyKind } from './key-repository.ts';

/** A key pair of ECDSA on the curve P-256. */
export interface JwsKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Key pairs, for a folder of them: each file is a private key in PEM, from which the public one follows. */
export const JWS_KEY_KIND: KeyKind<JwsKey> = {
  create() {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  },
  parse(text) {
    const privateKey = createPrivateKey(text);
    if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
      throw new RangeError('a key for signing tokens is one of ECDSA on the curve P-256');
    return { privateKey, publicKey: createPublicKey(privateKey) };
  },
};

const ALGORITHM = 'ES256';
const HEADER = part({ typ: 'JWT', alg: ALGORITHM });
/** Far above what any token of ours has; longer ones are not read. */
const MAX_LENGTH = 262_144;

/** Whether a text has the form of such a token; a sealed one never has. */
export function looksLikeJws(token: string): boolean {
  return token.includes('.');
}

/** Tokens that are signed: who holds one can read it, and change nothing in it. */
export function createJwsCodec(keys: () => readonly JwsKey[]): TokenCodec {
  return {
    encode(claims) {
      const key = keys()[0];
      if (key === undefined) throw new Error('no key to sign tokens with');
      const text = `${HEADER}.${part(writeClaims(claims))}`;
      const signature = sign('sha256', Buffer.from(text), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
      return `${text}.${signature.toString('base64url')}`;
    },
    decode(token) {
      const [header = '', body = '', signature = '', ...rest] = token.length > MAX_LENGTH ? [] : token.split('.');
      // The token does not choose how it is checked: one algorithm, and no other.
      if (rest.length > 0 || readPart(header)?.['alg'] !== ALGORITHM) return undefined;
      const [text, bytes] = [Buffer.from(`${header}.${body}`), Buffer.from(signature, 'base64url')];
      // Another spelling of the same bytes is not the token that we gave.
      if (bytes.toString('base64url') !== signature) return undefined;
      const isOurs = keys().some(({ publicKey }) =>
        verify('sha256', text, { key: publicKey, dsaEncoding: 'ieee-p1363' }, bytes),
      );
      const claims = isOurs ? readPart(body) : undefined;
      return claims === undefined ? undefined : readClaims(claims);
    },
  };
}

function writeClaims(claims: TokenClaims): Record<string, unknown> {
  const { federation } = claims;
  const all = {
    sub: claims.userId,
    iat: claims.issuedAt / 1000,
    exp: claims.expiresAt / 1000,
    openstack_methods: claims.methods,
    openstack_audit_ids: claims.auditIds,
    openstack_system: claims.isSystem ? 'all' : null,
    openstack_domain_id: claims.domainId,
    openstack_project_id: claims.projectId,
    openstack_trust_id: claims.trustId,
    openstack_group_ids: federation?.groupIds.map((id) => ({ id })) ?? null,
    openstack_idp_id: federation?.identityProviderId ?? null,
    openstack_protocol_id: federation?.protocolId ?? null,
    openstack_access_token_id: claims.accessTokenId,
    openstack_app_cred_id: claims.applicationCredentialId,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}

/** The signature was ours, so what is said is too: anything odd is a token of a later version. */
function readClaims(claims: Readonly<Record<string, unknown>>): TokenClaims | undefined {
  const text = (name: string): string | null => (typeof claims[name] === 'string' ? claims[name] : null);
  const [userId, issued, ends] = [text('sub'), claims['iat'], claims['exp']];
  const [methods, auditIds] = [texts(claims['openstack_methods']), texts(claims['openstack_audit_ids'])];
  if (userId === null || typeof issued !== 'number' || typeof ends !== 'number') return undefined;
  const identityProviderId = text('openstack_idp_id');
  const groups = Array.isArray(claims['openstack_group_ids']) ? claims['openstack_group_ids'] : [];
  return {
    userId,
    methods,
    auditIds,
    issuedAt: Math.round(issued * 1000),
    expiresAt: Math.round(ends * 1000),
    isSystem: text('openstack_system') !== null,
    domainId: text('openstack_domain_id'),
    projectId: text('openstack_project_id'),
    trustId: text('openstack_trust_id'),
    federation:
      identityProviderId === null
        ? null
        : {
            groupIds: groups.map((group: { id?: unknown }) => String(group.id)),
            identityProviderId,
            protocolId: text('openstack_protocol_id') ?? '',
          },
    accessTokenId: text('openstack_access_token_id'),
    applicationCredentialId: text('openstack_app_cred_id'),
  };
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function readPart(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = secureJson.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
