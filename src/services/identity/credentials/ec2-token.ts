import { createHash } from 'node:crypto';
import { fromJson } from '#kernel/db/json.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { badRequest, unauthorized } from '../errors.ts';
import { mintToken } from '../tokens/issue.ts';
import type { Token } from '../tokens/model.ts';
import { findTrust } from '../trusts/store.ts';
import { EC2, type Ec2Blob, idOfAccessKey } from './logic.ts';
import { isEc2Signature, isS3Signature, type SignedRequest, s3SignedAtMs, signedAtMs } from './signature.ts';
import { findCredential } from './store.ts';
import type { CredentialRow } from './tables.ts';

/** The longest string or value of a signed request. */
const MAX_TEXT = 16_384;
const NO_BODY_HASH = createHash('sha256').update('').digest('hex');

/**
 * A token for who signed a request to an EC2 API.
 * @throws {Unauthorized} for a signature that is wrong, too old, or from the future.
 */
export async function issueEc2Token(deps: IdentityDeps, body: unknown): Promise<Token> {
  const given = credentialsOf(body);
  const request = readSigned(given);
  const { row, blob } = await findSigner(deps, given['access']);
  if (!isEc2Signature(request, blob.secret)) throw unauthorized('ec2');
  checkAge(deps, signedAtMs(request));
  return tokenFor(deps, row, blob);
}

/**
 * A token for who signed a request to an S3 API.
 * @throws {Unauthorized} for a signature that is wrong or too old.
 */
export async function issueS3Token(deps: IdentityDeps, body: unknown): Promise<Token> {
  const given = credentialsOf(body);
  const { row, blob } = await findSigner(deps, given['access']);
  const [token, signature] = [given['token'], given['signature']];
  if (typeof token !== 'string' || typeof signature !== 'string' || token.length > MAX_TEXT) throw unauthorized('s3');
  const stringToSign = Buffer.from(token, 'base64');
  if (!isS3Signature(stringToSign, signature, blob.secret)) throw unauthorized('s3');
  const signedAt = s3SignedAtMs(stringToSign);
  // A presigned URL has an end of its own, which the S3 service checks.
  if (signedAt !== undefined) checkAge(deps, signedAt);
  return tokenFor(deps, row, blob);
}

function credentialsOf(body: unknown): Record<string, unknown> {
  if (!isRecord(body)) throw badRequest('ec2.no_body', 'request must include a request body');
  const given = body['credentials'] ?? body['credential'] ?? body['ec2Credentials'];
  if (!isRecord(given)) throw unauthorized('ec2');
  return given;
}

async function findSigner(deps: IdentityDeps, access: unknown): Promise<{ row: CredentialRow; blob: Ec2Blob }> {
  if (typeof access !== 'string' || access.length > MAX_TEXT) throw unauthorized('ec2');
  const row = await findCredential(deps.db, idOfAccessKey(access));
  if (row === undefined || row.type !== EC2 || row.project_id === null) throw unauthorized('ec2');
  const blob = fromJson<Partial<Ec2Blob>>(deps.vault.open(row.sealed_blob));
  if (blob.access !== access || typeof blob.secret !== 'string' || blob.secret === '') throw unauthorized('ec2');
  return { row, blob: blob as Ec2Blob };
}

function checkAge(deps: IdentityDeps, signedAt: number | undefined): void {
  if (signedAt === undefined || Math.abs(nowMs(deps) - signedAt) > deps.config.ec2SignatureTtlMs)
    throw unauthorized('ec2.age');
}

/** What the credential was bound to when it was made limits the token. */
async function tokenFor(deps: IdentityDeps, row: CredentialRow, blob: Ec2Blob): Promise<Token> {
  const trust = blob.trust_id ? await findTrust(deps.db, blob.trust_id) : undefined;
  if (blob.trust_id && trust === undefined) throw unauthorized('ec2.trust');
  const userId = trust?.impersonation === 1 ? trust.trustee_user_id : row.user_id;
  const proof = {
    userId,
    ...(blob.app_cred_id === undefined ? {} : { applicationCredentialId: blob.app_cred_id }),
    ...(blob.access_token_id === undefined ? {} : { accessTokenId: blob.access_token_id }),
  };
  const scope = {
    isSystem: false,
    projectId: row.project_id,
    domainId: null,
    trustId: trust?.id ?? null,
    isExplicitlyUnscoped: false,
  };
  return mintToken(deps, proof, scope, ['ec2credential']);
}

function readSigned(given: Record<string, unknown>): SignedRequest {
  const text = (name: string): string => (typeof given[name] === 'string' ? given[name].slice(0, MAX_TEXT) : '');
  return {
    signature: text('signature'),
    params: texts(given['params']),
    headers: texts(given['headers']),
    verb: text('verb'),
    host: text('host'),
    path: text('path'),
    bodyHash: text('body_hash') === '' ? NO_BODY_HASH : text('body_hash'),
  };
}

function texts(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, String(item).slice(0, MAX_TEXT)]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
