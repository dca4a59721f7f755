/**
 * How many tokens identity checks, and gives, in a second: `node tests/bench/tokens.ts`. In process, with a database in
 * memory: what is measured is the program, not a disk.
 */
import { ADMIN, ADMIN_PASSWORD, ADMIN_PROJECT, passwordAuth, startCloud } from '../api/identity/cloud.ts';

const cloud = await startCloud();
const { authenticator } = cloud.identity;
const token = await cloud.admin();
/** More tokens than are kept, so that each has to be read anew. */
const many = await Promise.all(Array.from({ length: 200 }, () => cloud.admin()));

/** Calls in a second, one after another. */
async function rate(count: number, work: (i: number) => Promise<unknown>): Promise<number> {
  for (let i = 0; i < Math.min(100, count); i++) await work(i);
  const startMs = performance.now();
  for (let i = 0; i < count; i++) await work(i);
  return Math.round(count / ((performance.now() - startMs) / 1000));
}

const kept = await rate(200_000, () => authenticator.authenticate(token));
const anew = await rate(3_000, async (i) => {
  // Half a second later the revision is looked at; a change elsewhere empties what is kept.
  if (i % many.length === 0) await forget();
  return authenticator.authenticate(many[i % many.length] ?? '');
});
const overHttp = await rate(5_000, () =>
  cloud.ask('GET', '/v3/auth/tokens?nocatalog', { token, headers: { 'x-subject-token': token } }),
);
const auth = { identity: { methods: ['token'], token: { id: token } }, scope: ADMIN_PROJECT };
const given = await rate(1_000, () => cloud.token(auth));

async function forget(): Promise<void> {
  const user = (await cloud.ask('GET', '/v3/users?name=bench', { token })).body.users[0];
  if (user === undefined) await cloud.ask('POST', '/v3/users', { token, body: { user: { name: 'bench' } } });
  else await cloud.ask('PATCH', `/v3/users/${user.id}`, { token, body: { user: { description: 'x' } } });
}

console.log(`known tokens checked: ${kept} a second`);
console.log(`tokens read anew: ${anew} a second`);
console.log(`GET /v3/auth/tokens, the token known: ${overHttp} a second`);
console.log(`tokens given for a token: ${given} a second`);
await cloud.token(passwordAuth(ADMIN, ADMIN_PASSWORD));
await cloud.close();
