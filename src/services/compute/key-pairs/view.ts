import type { ApiRequest } from '#kernel/api/route.ts';
import { isoMicros } from '#kernel/wire-times.ts';
import { compute } from '../microversions.ts';
import type { KeyPair } from './store.ts';

/** @see nova/api/openstack/compute/views/keypairs.py */
export function briefKeyPair({ has }: Pick<ApiRequest, 'has'>, pair: KeyPair): Record<string, unknown> {
  return {
    name: pair.name,
    public_key: pair.public_key,
    fingerprint: pair.fingerprint,
    ...(has(compute.keyPairTypes) ? { type: pair.type } : {}),
  };
}

export function createdKeyPair(
  request: Pick<ApiRequest, 'has'>,
  pair: KeyPair,
  privateKey: string | undefined,
): Record<string, unknown> {
  return {
    ...(privateKey === undefined ? {} : { private_key: privateKey }),
    ...briefKeyPair(request, pair),
    user_id: pair.user_id,
  };
}

export function wholeKeyPair(request: Pick<ApiRequest, 'has'>, pair: KeyPair): Record<string, unknown> {
  return {
    ...briefKeyPair(request, pair),
    user_id: pair.user_id,
    created_at: isoMicros(pair.created_at),
    deleted: false,
    deleted_at: null,
    id: pair.number,
    updated_at: null,
  };
}
