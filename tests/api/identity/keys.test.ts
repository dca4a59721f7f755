/** Two controllers over one database and one folder of keys: nobody is turned away while keys or kinds of tokens change. */
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IdentityConfig } from '#services/identity/index.ts';
import { type Answer, type Cloud, startCloud } from './cloud.ts';
import { idOf, stepsOf } from './steps.ts';

let one: Cloud;
beforeEach(async () => {
  one = await startCloud();
});
afterEach(() => one.close());

/** A controller that looks at the keys again every minute, as a running one does. */
async function startSecond(
  config: Partial<IdentityConfig> = {},
): Promise<Cloud & { aMinuteLater(): Promise<void>; [Symbol.asyncDispose](): Promise<void> }> {
  const second = await one.second(config);
  const sleep = one.clock.sleep.bind(one.clock);
  let turns = 0;
  one.clock.sleep = (ms, signal) => {
    turns++;
    return sleep(ms, signal);
  };
  const stop = new AbortController();
  const running = second.identity.run?.(stop.signal);
  return {
    ...second,
    async aMinuteLater() {
      const before = turns;
      await one.clock.advance(60_000);
      await expect.poll(() => turns).toBeGreaterThan(before);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await second.close();
    },
  };
}

const whoAmI = (cloud: Cloud, token: string): Promise<Answer> =>
  cloud.ask('GET', '/v3/auth/tokens', { token, headers: { 'x-subject-token': token } });
const seenBy = async (clouds: readonly Cloud[], tokens: readonly string[]): Promise<number[]> => {
  const answers = await Promise.all(clouds.flatMap((cloud) => tokens.map((token) => whoAmI(cloud, token))));
  return [...new Set(answers.map(({ status }) => status))];
};

describe.each(['fernet', 'jws'] as const)('keys for %s tokens', (tokenProvider) => {
  it('rotate under two controllers without anyone being turned away', async () => {
    await one.close();
    one = await startCloud({ tokenProvider, tokenLifetimeMs: 86_400_000 });
    await using two = await startSecond();
    const clouds = [one, two];
    let live = [await one.admin(), await two.admin()];
    expect(live[0]?.includes('.')).toBe(tokenProvider === 'jws');
    for (let turn = 0; turn < 4; turn++) {
      // Straight after the rotation, before the other has looked: it knows the staged key.
      await one.identity.rotateTokenKeys();
      const fresh = [await one.admin(), await two.admin()];
      expect([turn, await seenBy(clouds, [...live, ...fresh])]).toEqual([turn, [200]]);
      await two.aMinuteLater();
      // The one turned to the oldest key at the next rotation is dropped with it.
      live = fresh;
    }
  });
});

describe('a cloud that goes from sealed to signed tokens', () => {
  it('takes both, from controllers of both kinds', async () => {
    const sealed = await one.admin();
    await using two = await startSecond({ tokenProvider: 'jws' });
    const signed = await two.admin();
    expect(sealed).not.toContain('.');
    const [head = '', body = ''] = signed.split('.').map((part) => Buffer.from(part, 'base64url').toString('utf8'));
    expect(JSON.parse(head)).toEqual({ typ: 'JWT', alg: 'ES256' });
    expect(Object.keys(JSON.parse(body))).toEqual(
      expect.arrayContaining(['sub', 'iat', 'exp', 'openstack_methods', 'openstack_audit_ids', 'openstack_project_id']),
    );
    expect(await seenBy([one, two], [sealed, signed])).toEqual([200]);
    const [a, b] = [await whoAmI(one, signed), await whoAmI(two, signed)];
    expect(a.body).toEqual(b.body);
    // What one revokes is void for the other, whichever kind it is.
    const revoked = await one.ask('DELETE', '/v3/auth/tokens', {
      token: signed,
      headers: { 'x-subject-token': signed },
    });
    expect(revoked.status).toBe(204);
    await one.clock.advance(1_000);
    expect((await whoAmI(two, signed)).status).toBe(401);
  });

  it('takes no signed token that somebody else made or changed', async () => {
    await using two = await startSecond({ tokenProvider: 'jws' });
    const [head = '', body = '', signature = ''] = (await two.admin()).split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const longer = encode({ ...claims, exp: claims.exp + 3600 });
    const forged = [
      `${head}.${longer}.${signature}`,
      `${encode({ typ: 'JWT', alg: 'none' })}.${body}.`,
      `${encode({ typ: 'JWT', alg: 'HS256' })}.${body}.${signature}`,
      `${head}.${body}.`,
      `${head}.${body}`,
      `${head}.${body}.${signature}.`,
      `${head}.${body}.${signature}=`,
      `${head}.${body}.${signature.slice(0, -2)}`,
    ];
    for (const token of forged) expect([token, (await whoAmI(one, token)).status]).toEqual([token, 401]);
    expect((await whoAmI(one, `${head}.${body}.${signature}`)).status).toBe(200);
  });
});

describe('an option', () => {
  it('that is set to a word it does not know keeps the cloud from starting', async () => {
    const tokenProvider = 'uuid' as 'jws';
    await expect(startCloud({ tokenProvider })).rejects.toThrow('it may be fernet or jws');
  });
});

describe('the keys of credentials', () => {
  it('rotate for all other secrets too, so that none is lost with an old key', async () => {
    const step = stepsOf(one, await one.admin());
    const domain = (await step('POST /v3/domains', 201, undefined, { domain: { name: 'd' } })).body.domain.id;
    const config = { ldap: { url: 'ldap://x', password: 'hush' } };
    await step(`PUT /v3/domains/${domain}/config`, 201, undefined, { config });
    const made = await step('POST /v3/OS-OAUTH1/consumers', 201, undefined, { consumer: {} });
    const { id, secret } = made.body.consumer;
    const project = await idOf(step, 'projects', 'admin');
    // Far more often than keys are kept.
    for (let turn = 0; turn < 15; turn++) expect([turn, await one.identity.rotateCredentialKeys()]).toEqual([turn, 2]);
    expect((await askForToken(one, id, secret, project)).status).toBe(201);
    expect((await askForToken(one, id, 'another', project)).status).toBe(401);
    const option = 'domain_config' as never;
    const rows = (await one.db
      .selectFrom(option)
      .select('value' as never)
      .execute()) as { value: string }[];
    const sealed = rows.map(({ value }) => JSON.parse(value)).find((value) => value.startsWith('gAAAA'));
    expect(JSON.parse(one.identity.vault.open(sealed))).toBe('hush');
  });

  it('rotate, and everything in the database is sealed anew, without a moment in which it cannot be read', async () => {
    await using two = await startSecond();
    const admin = await one.admin();
    const me = (await one.ask('GET', '/v3/users?name=admin', { token: admin })).body.users[0].id;
    const make = async (cloud: Cloud, blob: string): Promise<string> => {
      const body = { credential: { user_id: me, type: 'cert', blob } };
      return (await cloud.ask('POST', '/v3/credentials', { token: admin, body })).body.credential.id;
    };
    const read = async (cloud: Cloud): Promise<Record<string, string>> => {
      const { credentials } = (await cloud.ask('GET', '/v3/credentials', { token: admin })).body;
      return Object.fromEntries(credentials.map(({ id, blob }: { id: string; blob: string }) => [id, blob]));
    };
    const sealed = async (): Promise<string[]> => {
      const rows = await one.db
        .selectFrom('credentials' as never)
        .select('sealed_blob' as never)
        .execute();
      return rows.map((row) => (row as { sealed_blob: string }).sealed_blob);
    };
    const expected: Record<string, string> = {};
    for (let turn = 0; turn < 12; turn++) {
      // The other controller seals with the key before until it has looked.
      expected[await make(two, `two ${turn}`)] = `two ${turn}`;
      expected[await make(one, `one ${turn}`)] = `one ${turn}`;
      const before = await sealed();
      expect(await one.identity.rotateCredentialKeys()).toBe(before.length);
      const after = await sealed();
      expect(after.filter((text) => before.includes(text))).toEqual([]);
      expect(await read(one)).toEqual(expected);
      expect(await read(two)).toEqual(expected);
      if (turn % 3 === 2) await two.aMinuteLater();
    }
  });
});

/** A request of OAuth1 for a request token, signed with the consumer's secret. */
function askForToken(cloud: Cloud, consumer: string, secret: string, project: string): Promise<Answer> {
  const path = '/v3/OS-OAUTH1/request_token';
  const encode = encodeURIComponent;
  const oauth: [string, string][] = [
    ['oauth_callback', 'oob'],
    ['oauth_consumer_key', consumer],
    ['oauth_nonce', secret],
    ['oauth_signature_method', 'HMAC-SHA1'],
    ['oauth_timestamp', String(cloud.clock.now().getTime() / 1000)],
    ['oauth_version', '1.0'],
  ];
  const text = oauth.map(([name, value]) => `${name}=${encode(value)}`).join('&');
  const base = `POST&${encode(`http://cloud.example:5000${path}`)}&${encode(text)}`;
  const signature = createHmac('sha1', `${secret}&`).update(base).digest('base64');
  const fields = [...oauth, ['oauth_signature', signature]].map(([name, value]) => `${name}="${encode(value ?? '')}"`);
  const headers = { authorization: `OAuth ${fields.join(', ')}`, 'requested-project-id': project };
  return cloud.ask('POST', path, { headers });
}
