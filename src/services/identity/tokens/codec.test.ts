import { encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { createFernetCodec, type TokenClaims } from './codec.ts';
import { newFernetKey, parseFernetKey, sealFernet } from './fernet.ts';
import { createJwsCodec, JWS_KEY_KIND } from './jws.ts';

const KEY = parseFernetKey(newFernetKey());
const codec = createFernetCodec(() => [KEY]);
const JWS_KEYS = [JWS_KEY_KIND.parse(JWS_KEY_KIND.create())];
const jws = createJwsCodec(() => JWS_KEYS);
const hex = (c: string): string => c.repeat(32);

const BASE: TokenClaims = {
  userId: hex('a'),
  methods: ['token', 'password'],
  isSystem: false,
  projectId: null,
  domainId: null,
  expiresAt: 1_767_229_200_123,
  issuedAt: 1_767_225_600_456,
  auditIds: ['AAECAwQFBgcICQoLDA0ODw', 'EBESExQVFhcYGRobHB0eHw'],
  trustId: null,
  federation: null,
  accessTokenId: null,
  applicationCredentialId: null,
};
const federation = { groupIds: [hex('1'), 'short'], identityProviderId: 'sso', protocolId: 'openid' };

describe('a token', () => {
  it.each<[string, Partial<TokenClaims>]>([
    ['no scope', {}],
    ['a project', { projectId: hex('b') }],
    ['a project whose id is no UUID', { projectId: 'my-project' }],
    ['a domain', { domainId: hex('c') }],
    ['the default domain', { domainId: 'default' }],
    ['the system', { isSystem: true }],
    ['a trust', { projectId: hex('b'), trustId: hex('d') }],
    ['an application credential', { projectId: hex('b'), applicationCredentialId: hex('e') }],
    ['an OAuth1 access token', { projectId: hex('b'), accessTokenId: hex('f') }],
    ['a provider', { federation }],
    ['a provider and a project', { federation, projectId: hex('b') }],
    ['a provider and a domain', { federation, domainId: hex('c') }],
  ])('of %s says the same again', (_, more) => {
    const claims = { ...BASE, ...more };
    for (const one of [codec, jws]) expect(one.decode(one.encode(claims))).toEqual(claims);
  });

  it('that keystone packed is read', () => {
    // (version, (is UUID, user), methods, (is UUID, project), end, audit ids): password is 2.
    const payload = [2, [true, Buffer.from(hex('a'), 'hex')], 2, [false, 'p'], 1_767_229_200.5, [Buffer.alloc(16)]];
    const token = sealFernet(KEY, encode(payload), 1_767_225_600_000);
    expect(codec.decode(token)).toEqual({
      ...BASE,
      methods: ['password'],
      projectId: 'p',
      expiresAt: 1_767_229_200_500,
      issuedAt: 1_767_225_600_000,
      auditIds: ['AAAAAAAAAAAAAAAAAAAAAA'],
    });
  });

  it.each([[[99, 1, 2]], [[]], ['text'], [{ a: 1 }], [[2, null, 2]], [['receipt', 'user']]])(
    'of another kind (%j) is none',
    (payload) => {
      expect(codec.decode(sealFernet(KEY, encode(payload), 0))).toBeUndefined();
    },
  );
});
