/** Finding things in lists, and going through long ones. */
import { afterEach, describe, expect, it } from 'vitest';
import { type Cloud, startCloud } from './cloud.ts';
import { stepsOf } from './steps.ts';

let cloud: Cloud;
afterEach(() => cloud.close());

describe('users are found', () => {
  it('by parts of names, by whether they are enabled, and by when their passwords end', async () => {
    cloud = await startCloud({ passwordExpiresDays: 10 });
    const admin = await cloud.admin();
    const step = stepsOf(cloud, admin);
    for (const name of ['Ada_1', 'adam', 'BOB%', 'bobby'])
      await step('POST /v3/users', 201, undefined, { user: { name, password: 'x', enabled: name !== 'bobby' } });
    const find = async (query: string): Promise<string[]> => {
      const { users } = (await step(`GET /v3/users?${query}`, 200)).body;
      const names: string[] = users.map(({ name }: { name: string }) => name);
      return names.filter((name) => name !== 'admin').toSorted();
    };
    const all = ['Ada_1', 'BOB%', 'adam', 'bobby'];
    const cases: [query: string, names: string[]][] = [
      ['name=adam', ['adam']],
      ['name=ADAM', []],
      ['name__contains=da', ['Ada_1', 'adam']],
      ['name__contains=DA', []],
      ['name__icontains=BOB', ['BOB%', 'bobby']],
      ['name__startswith=ad', ['adam']],
      ['name__istartswith=ad', ['Ada_1', 'adam']],
      ['name__endswith=_1', ['Ada_1']],
      ['name__iendswith=BBY', ['bobby']],
      // What databases take as wildcards is only itself here.
      ['name__contains=%25', ['BOB%']],
      ['name__contains=_', ['Ada_1']],
      ['enabled=true', ['Ada_1', 'BOB%', 'adam']],
      ['enabled=false', ['bobby']],
      ['enabled=0&name__icontains=bob', ['bobby']],
      ['domain_id=nowhere', []],
      ['password_expires_at=lt:2026-01-11T00:00:01Z', all],
      ['password_expires_at=lte:2026-01-11T00:00:00Z', all],
      ['password_expires_at=lt:2026-01-11T00:00:00Z', []],
      ['password_expires_at=gt:2026-01-10T00:00:00Z', all],
      ['password_expires_at=2026-01-11T00:00:00Z', all],
      ['password_expires_at=neq:2026-01-11T00:00:00Z', []],
      // Whatever else is asked is left alone, as keystone does.
      ['colour=red', all],
    ];
    for (const [query, names] of cases) expect([query, await find(query)]).toEqual([query, names]);
    await step('GET /v3/users?password_expires_at=near:2026-01-11T00:00:00Z', 400);
    await step('GET /v3/users?password_expires_at=lt:soon', 400);
  });
});

describe('a list', () => {
  it.each([
    ['users', 'user'],
    ['groups', 'group'],
    ['projects', 'project'],
    ['domains', 'domain'],
  ])('of %s is gone through page by page, each %s once', async (many, one) => {
    cloud = await startCloud();
    const step = stepsOf(cloud, await cloud.admin());
    const made: string[] = [];
    for (let i = 0; i < 5; i++)
      made.push((await step(`POST /v3/${many}`, 201, undefined, { [one]: { name: `page ${i}` } })).body[one].id);
    const seen: string[] = [];
    let next: string | null = `/v3/${many}?name__startswith=page&limit=2`;
    let pages = 0;
    while (next !== null) {
      const { body } = await step(`GET ${next}`, 200);
      expect([body[many].length <= 2, body.truncated === true]).toEqual([true, body.links.next !== null]);
      seen.push(...body[many].map(({ id }: { id: string }) => id));
      next = body.links.next === null ? null : body.links.next.replace('http://cloud.example:5000', '');
      pages++;
    }
    expect([pages, seen]).toEqual([3, made.toSorted()]);
    const gone = { error: { code: 404, message: 'Marker nobody could not be found.' } };
    await step(`GET /v3/${many}?marker=nobody`, 404, gone);
  });

  it('that is longer than the cloud allows is cut and says so', async () => {
    cloud = await startCloud({ listLimit: 2 });
    const step = stepsOf(cloud, await cloud.admin());
    for (let i = 0; i < 3; i++) await step('POST /v3/services', 201, undefined, { service: { type: `t${i}` } });
    const all = await step('GET /v3/services', 200, { truncated: true });
    expect(all.body.services).toHaveLength(2);
    expect((await step('GET /v3/services?limit=100', 200)).body.services).toHaveLength(2);
    const one = await step('GET /v3/services?type=t1', 200);
    expect([one.body.services.length, one.body.truncated]).toEqual([1, undefined]);
  });
});
