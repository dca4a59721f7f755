/** What keystone calls security compliance: rules for passwords and accounts that an operator switches on. */
import { afterEach, describe, expect, it } from 'vitest';
import type { IdentityConfig } from '#services/identity/index.ts';
import { type Answer, type Cloud, passwordAuth, startCloud } from './cloud.ts';
import { stepsOf } from './steps.ts';

const DAY_MS = 86_400_000;

let cloud: Cloud;
afterEach(() => cloud.close());

interface Account {
  readonly id: string;
  logIn(password: string): Promise<Answer>;
  /** The user changes its own password. */
  change(from: string, to: string): Promise<Answer>;
}

async function start(config: Partial<IdentityConfig>): Promise<void> {
  cloud = await startCloud(config);
}

async function makeAccount(password: string, options: object = {}): Promise<Account> {
  const user = { name: `u${Math.random()}`, password, options };
  const made = await stepsOf(cloud, await cloud.admin())('POST /v3/users', 201, undefined, { user });
  const { id } = made.body.user;
  return {
    id,
    logIn: (given) => cloud.ask('POST', '/v3/auth/tokens', { body: { auth: passwordAuth({ id }, given) } }),
    change: (from, to) =>
      cloud.ask('POST', `/v3/users/${id}/password`, { body: { user: { original_password: from, password: to } } }),
  };
}
const told = ({ status, body }: Answer): unknown[] => [status, body.error?.message];

describe('a password', () => {
  it('must fit the expression, whoever sets it', async () => {
    await start({ passwordRegex: '^(?=.*\\d).{7,}$', passwordRegexDescription: 'seven characters, one a digit' });
    const refusal = [400, 'The password does not match the requirements: seven characters, one a digit.'];
    const admin = await cloud.admin();
    const made = await cloud.ask('POST', '/v3/users', {
      token: admin,
      body: { user: { name: 'x', password: 'short' } },
    });
    expect(told(made)).toEqual(refusal);
    const ann = await makeAccount('longer1');
    const reset = { token: admin, body: { user: { password: 'short' } } };
    expect(told(await cloud.ask('PATCH', `/v3/users/${ann.id}`, reset))).toEqual(refusal);
    expect(told(await ann.change('longer1', 'nodigits'))).toEqual(refusal);
    expect((await ann.change('longer1', 'longer2')).status).toBe(204);
  });

  it('must differ from the last ones', async () => {
    await start({ uniqueLastPasswordCount: 3 });
    const ann = await makeAccount('one');
    expect((await ann.change('one', 'two')).status).toBe(204);
    const refusal = [
      400,
      'The new password cannot be identical to a previous password. The total number which includes the new password must be unique is 3.',
    ];
    expect(told(await ann.change('two', 'one'))).toEqual(refusal);
    expect(told(await ann.change('two', 'two'))).toEqual(refusal);
    expect((await ann.change('two', 'three')).status).toBe(204);
    expect((await ann.change('three', 'four')).status).toBe(204);
    // Only so many are remembered; an administrator is not held to it.
    expect((await ann.change('four', 'one')).status).toBe(204);
    const body = { user: { password: 'one' } };
    expect((await cloud.ask('PATCH', `/v3/users/${ann.id}`, { token: await cloud.admin(), body })).status).toBe(200);
  });

  it('must be used for a while before its user changes it again', async () => {
    await start({ minimumPasswordAgeDays: 2 });
    const ann = await makeAccount('one');
    // One that an administrator set may be changed at once.
    expect((await ann.change('one', 'two')).status).toBe(204);
    const [status, message] = told(await ann.change('two', 'three'));
    expect([status, message]).toEqual([400, expect.stringContaining('must be used for 2 day(s)')]);
    await cloud.clock.advance(2 * DAY_MS + 1);
    expect((await ann.change('two', 'three')).status).toBe(204);
  });

  it('expires, is told as expired to who knows it, and can then be changed', async () => {
    await start({ passwordExpiresDays: 30 });
    const ann = await makeAccount('one');
    const kept = await makeAccount('one', { ignore_password_expiry: true });
    const first = await ann.logIn('one');
    expect([first.status, first.body.token.user.password_expires_at]).toEqual([201, '2026-01-31T00:00:00.000000Z']);
    expect((await kept.logIn('one')).body.token.user.password_expires_at).toBeNull();
    await cloud.clock.advance(30 * DAY_MS);
    expect(told(await ann.logIn('one'))).toEqual([
      401,
      `The password is expired and needs to be changed for user: ${ann.id}.`,
    ]);
    expect(told(await ann.logIn('guess'))).toEqual([401, 'The request you have made requires authentication.']);
    expect((await kept.logIn('one')).status).toBe(201);
    expect((await ann.change('guess', 'two')).status).toBe(401);
    expect((await ann.change('one', 'two')).status).toBe(204);
    expect((await ann.logIn('two')).status).toBe(201);
  });

  it('of a new user, or a reset one, must be changed before anything else', async () => {
    await start({ changePasswordUponFirstUse: true });
    const ann = await makeAccount('given');
    const spared = await makeAccount('given', { ignore_change_password_upon_first_use: true });
    expect((await ann.logIn('given')).status).toBe(401);
    expect((await spared.logIn('given')).status).toBe(201);
    expect((await ann.change('given', 'own')).status).toBe(204);
    expect((await ann.logIn('own')).status).toBe(201);
    const body = { user: { password: 'reset' } };
    await cloud.ask('PATCH', `/v3/users/${ann.id}`, { token: await cloud.admin(), body });
    expect((await ann.logIn('reset')).status).toBe(401);
    expect((await ann.change('reset', 'own2')).status).toBe(204);
    expect((await ann.logIn('own2')).status).toBe(201);
  });

  it('that is locked is changed by administrators alone', async () => {
    await start({});
    const ann = await makeAccount('one', { lock_password: true });
    expect((await ann.change('one', 'two')).status).toBe(400);
    const body = { user: { password: 'two' } };
    expect((await cloud.ask('PATCH', `/v3/users/${ann.id}`, { token: await cloud.admin(), body })).status).toBe(200);
    expect((await ann.logIn('two')).status).toBe(201);
  });

  it('that is changed ends all tokens that it gave', async () => {
    await start({});
    const ann = await makeAccount('one');
    const token = (await ann.logIn('one')).headers['x-subject-token'] ?? '';
    expect((await ann.change('one', 'two')).status).toBe(204);
    expect((await cloud.ask('GET', '/v3/auth/projects', { token })).status).toBe(401);
    expect((await ann.logIn('one')).status).toBe(401);
  });
});

describe('an account', () => {
  it('is locked after wrong passwords, but for one that is spared, and opens after its time', async () => {
    await start({ lockoutFailureAttempts: 3, lockoutDurationMs: 60_000 });
    const [ann, spared] = [
      await makeAccount('one'),
      await makeAccount('one', { ignore_lockout_failure_attempts: true }),
    ];
    for (const account of [ann, spared]) for (let i = 0; i < 3; i++) await account.logIn('guess');
    expect([(await ann.logIn('one')).status, (await spared.logIn('one')).status]).toEqual([401, 201]);
    expect((await ann.change('one', 'two')).status).toBe(401);
    await cloud.clock.advance(60_001);
    expect((await ann.logIn('one')).status).toBe(201);
  });

  it('is out of use when it was idle for too long, until an administrator enables it', async () => {
    await start({ disableUserAccountDaysInactive: 10 });
    const [ann, spared] = [await makeAccount('one'), await makeAccount('one', { ignore_user_inactivity: true })];
    await cloud.clock.advance(9 * DAY_MS);
    expect((await ann.logIn('one')).status).toBe(201);
    await cloud.clock.advance(9 * DAY_MS);
    expect((await ann.logIn('one')).status).toBe(201);
    await cloud.clock.advance(10 * DAY_MS);
    expect([(await ann.logIn('one')).status, (await spared.logIn('one')).status]).toEqual([401, 201]);
  });
});
