/**
 * What a token says, packed as keystone packs it: a payload version, then fields by position, in MessagePack, in Fernet.
 * UUIDs are 16 bytes, methods a bit set, the end in seconds.
 *
 * One field follows keystone's: the milliseconds of the time of issue, which Fernet has in whole seconds only. Without it a
 * token issued in the second of a password change would be void with those before. Tokens without it are read too.
 * @see https://opendev.org/openstack/keystone/src/branch/unmaintained/zed/keystone/token/token_formatters.py
 */
import { decode, encode } from '@msgpack/msgpack';
import type { EpochMs } from '#kernel/db/json.ts';
import { type FernetKey, openFernet, sealFernet } from './fernet.ts';

/** What a token claims; whether it still holds is `model.ts`'s to say. */
export interface TokenClaims {
  readonly userId: string;
  readonly methods: readonly string[];
  readonly isSystem: boolean;
  readonly projectId: string | null;
  readonly domainId: string | null;
  readonly expiresAt: EpochMs;
  readonly issuedAt: EpochMs;
  /** Its own, then that of the first token of the chain when there is one. */
  readonly auditIds: readonly string[];
  readonly trustId: string | null;
  readonly federation: FederationClaims | null;
  readonly accessTokenId: string | null;
  readonly applicationCredentialId: string | null;
}

export interface FederationClaims {
  readonly groupIds: readonly string[];
  readonly identityProviderId: string;
  readonly protocolId: string;
}

export interface TokenCodec {
  encode(claims: TokenClaims): string;
  /** Undefined for what is no token of ours. */
  decode(token: string): TokenClaims | undefined;
}

/** Positions are bits in tokens that are about: only add at the end. */
export const AUTH_METHODS = [
  'external',
  'password',
  'token',
  'oauth1',
  'mapped',
  'application_credential',
  'totp',
  'openid',
  'saml2',
  'ec2credential',
] as const;

const VERSIONS = {
  unscoped: 0,
  domain: 1,
  project: 2,
  trust: 3,
  federatedUnscoped: 4,
  federatedProject: 5,
  federatedDomain: 6,
  oauth: 7,
  system: 8,
  applicationCredential: 9,
} as const;

/** Tokens that are sealed: only who has the keys can read them. */
export function createFernetCodec(keys: () => readonly FernetKey[]): TokenCodec {
  return {
    encode(claims) {
      const key = keys()[0];
      if (key === undefined) throw new Error('no key to seal tokens with');
      return sealFernet(key, encode(packClaims(claims)), claims.issuedAt);
    },
    decode(token) {
      const opened = openFernet(keys(), token);
      return opened === undefined ? undefined : unpackClaims(opened.plain, opened.sealedAtSeconds);
    },
  };
}

function packClaims(claims: TokenClaims): unknown[] {
  const user = packId(claims.userId);
  const methods = packMethods(claims.methods);
  const end = claims.expiresAt / 1000;
  const audits = claims.auditIds.map((id) => Buffer.from(id, 'base64url'));
  const ms = claims.issuedAt % 1000;
  const { federation } = claims;
  if (federation !== null) {
    const groups = federation.groupIds.map(packId);
    const provider = packId(federation.identityProviderId);
    const rest = [groups, provider, federation.protocolId, end, audits, ms];
    if (claims.projectId !== null) return [VERSIONS.federatedProject, user, methods, packId(claims.projectId), ...rest];
    if (claims.domainId !== null) return [VERSIONS.federatedDomain, user, methods, packId(claims.domainId), ...rest];
    return [VERSIONS.federatedUnscoped, user, methods, ...rest];
  }
  if (claims.isSystem) return [VERSIONS.system, user, methods, 'all', end, audits, ms];
  if (claims.domainId !== null) return [VERSIONS.domain, user, methods, packBareId(claims.domainId), end, audits, ms];
  if (claims.projectId === null) return [VERSIONS.unscoped, user, methods, end, audits, ms];
  const project = packId(claims.projectId);
  if (claims.trustId !== null)
    return [VERSIONS.trust, user, methods, project, end, audits, packBareId(claims.trustId), ms];
  if (claims.accessTokenId !== null)
    return [VERSIONS.oauth, user, methods, project, packId(claims.accessTokenId), end, audits, ms];
  if (claims.applicationCredentialId !== null) {
    const credential = packId(claims.applicationCredentialId);
    return [VERSIONS.applicationCredential, user, methods, project, end, audits, credential, ms];
  }
  return [VERSIONS.project, user, methods, project, end, audits, ms];
}

/** The signature was ours, so what is inside is too: anything odd is a token of a later version. */
function unpackClaims(plain: Uint8Array, sealedAtSeconds: number): TokenClaims | undefined {
  try {
    const [version, user, methods, ...rest] = decode(plain) as [number, PackedId, number, ...unknown[]];
    const claims = unpackRest(version, rest);
    if (claims === undefined) return undefined;
    const { ms = 0, ...scope } = claims;
    return {
      ...NO_SCOPE,
      ...scope,
      userId: unpackId(user),
      methods: unpackMethods(methods),
      issuedAt: sealedAtSeconds * 1000 + ms,
    };
  } catch {
    return undefined;
  }
}

type Rest = Partial<TokenClaims> & { expiresAt: EpochMs; auditIds: readonly string[]; ms?: number };

const NO_SCOPE = {
  isSystem: false,
  projectId: null,
  domainId: null,
  trustId: null,
  federation: null,
  accessTokenId: null,
  applicationCredentialId: null,
} as const;

function unpackRest(version: number, rest: readonly unknown[]): Rest | undefined {
  switch (version) {
    case VERSIONS.unscoped:
      return unpackEnd(rest, 0);
    case VERSIONS.domain:
      return { ...unpackEnd(rest, 1), domainId: unpackBareId(rest[0]) };
    case VERSIONS.project:
      return { ...unpackEnd(rest, 1), projectId: unpackId(rest[0]) };
    case VERSIONS.trust:
      return {
        ...unpackEnd(rest, 1, 4),
        projectId: unpackId(rest[0]),
        trustId: unpackBareId(rest[3]),
      };
    case VERSIONS.federatedUnscoped:
      return { ...unpackEnd(rest, 3), federation: unpackFederation(rest) };
    case VERSIONS.federatedProject:
      return { ...unpackEnd(rest, 4), projectId: unpackId(rest[0]), federation: unpackFederation(rest.slice(1)) };
    case VERSIONS.federatedDomain:
      return { ...unpackEnd(rest, 4), domainId: unpackId(rest[0]), federation: unpackFederation(rest.slice(1)) };
    case VERSIONS.oauth:
      return { ...unpackEnd(rest, 2), projectId: unpackId(rest[0]), accessTokenId: unpackId(rest[1]) };
    case VERSIONS.system:
      return { ...unpackEnd(rest, 1), isSystem: true };
    case VERSIONS.applicationCredential:
      return {
        ...unpackEnd(rest, 1, 4),
        projectId: unpackId(rest[0]),
        applicationCredentialId: unpackId(rest[3]),
      };
    default:
      return undefined;
  }
}

/** The end and the audit ids stand together, the milliseconds after them or after one field more. */
function unpackEnd(rest: readonly unknown[], at: number, msAt = at + 2): Rest {
  const ms = rest[msAt];
  return {
    expiresAt: Math.round(Number(rest[at]) * 1000),
    auditIds: (rest[at + 1] as Uint8Array[]).map((id) => Buffer.from(id).toString('base64url')),
    ...(typeof ms === 'number' ? { ms } : {}),
  };
}

function unpackFederation([groups, provider, protocol]: readonly unknown[]): FederationClaims {
  return {
    groupIds: (groups as unknown[]).map(unpackId),
    identityProviderId: unpackId(provider),
    protocolId: textOf(protocol),
  };
}

/** `[true, 16 bytes]` for what is a UUID, `[false, text]` for the rest. */
type PackedId = readonly [boolean, Uint8Array | string];

const HEX_ID = /^[0-9a-f]{32}$/;

function packId(id: string): PackedId {
  return HEX_ID.test(id) ? [true, Buffer.from(id, 'hex')] : [false, id];
}

function unpackId(packed: unknown): string {
  const [isBytes, value] = packed as PackedId;
  return isBytes && typeof value !== 'string' ? Buffer.from(value).toString('hex') : textOf(value);
}

/** A domain's or a trust's id: bytes where it is a UUID, else text, without a mark. */
function packBareId(id: string): Uint8Array | string {
  return HEX_ID.test(id) ? Buffer.from(id, 'hex') : id;
}

function unpackBareId(value: unknown): string {
  return typeof value === 'string' ? value : Buffer.from(value as Uint8Array).toString('hex');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : Buffer.from(value as Uint8Array).toString('utf8');
}

function packMethods(methods: readonly string[]): number {
  return AUTH_METHODS.reduce((bits, method, i) => (methods.includes(method) ? bits | (1 << i) : bits), 0);
}

/** The last in the list first, as keystone shows them: `token` before `password`. */
function unpackMethods(bits: number): string[] {
  return AUTH_METHODS.filter((_, i) => (bits & (1 << i)) !== 0).toReversed();
}
