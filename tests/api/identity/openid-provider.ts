/** A small provider of OpenID over HTTP, as `openstack --os-auth-type v3oidc…` expects one: discovery, keys, tokens. */
import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface OpenIdProvider {
  readonly issuer: string;
  readonly jwksUri: string;
  /** How often the keys were asked for. */
  readonly keyRequests: () => number;
  /** A token as the provider signs it now. */
  tokenFor(claims: object): string;
  /** Signs with a new key from now on and publishes that one alone. */
  rotate(): void;
  stop(): Promise<void>;
}

export interface Person {
  readonly password: string;
  readonly claims: object;
}

/** The client that may ask for tokens. */
export const CLIENT = { id: 'openstack-cli', secret: 'client secret' };
const AUDIENCE = 'pileus';
const LIFETIME_S = 600;

/** @param now milliseconds since 1970, for the end of tokens. */
export async function startOpenIdProvider(
  people: Readonly<Record<string, Person>>,
  now: () => number = Date.now,
): Promise<OpenIdProvider> {
  let key = newKey();
  let keyRequests = 0;
  const server = createServer((request, response) => {
    const send = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
      switch (request.url) {
        case '/.well-known/openid-configuration':
          return send(200, {
            issuer,
            token_endpoint: `${issuer}/token`,
            jwks_uri: `${issuer}/keys`,
            grant_types_supported: ['password', 'client_credentials'],
          });
        case '/keys':
          keyRequests++;
          return send(200, { keys: [key.jwk] });
        case '/token': {
          const claims = grant(people, request.headers.authorization, form);
          if (claims === undefined) return send(401, { error: 'invalid_grant' });
          return send(200, { access_token: tokenFor(claims), token_type: 'Bearer', expires_in: LIFETIME_S });
        }
        default:
          return send(404, { error: 'not_found' });
      }
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  function tokenFor(claims: object): string {
    const exp = Math.floor(now() / 1000) + LIFETIME_S;
    const parts = [
      { alg: 'ES256', typ: 'JWT', kid: key.jwk.kid },
      { iss: issuer, aud: AUDIENCE, exp, ...claims },
    ];
    const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    const signature = sign('sha256', Buffer.from(text), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  }

  return {
    issuer,
    jwksUri: `${issuer}/keys`,
    keyRequests: () => keyRequests,
    tokenFor,
    rotate() {
      key = newKey();
    },
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function newKey(): { privateKey: KeyObject; jwk: { readonly kid: string; readonly [field: string]: unknown } } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'ES256' } };
}

/** What the provider says of who asks; undefined for a wrong client or password. */
function grant(
  people: Readonly<Record<string, Person>>,
  authorization: string | undefined,
  form: URLSearchParams,
): object | undefined {
  const expected = Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64');
  if (authorization !== `Basic ${expected}`) return undefined;
  const grantType = form.get('grant_type');
  if (grantType === 'client_credentials')
    return { sub: CLIENT.id, preferred_username: 'a machine', groups: ['robots'] };
  const person = people[form.get('username') ?? ''];
  return grantType === 'password' && person?.password === form.get('password') ? person?.claims : undefined;
}
