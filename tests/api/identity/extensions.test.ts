import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ADMIN,
  ADMIN_PASSWORD,
  ADMIN_PROJECT,
  type Answer,
  type Cloud,
  passwordAuth,
  SYSTEM,
  startCloud,
} from './cloud.ts';

let cloud: Cloud;
let admin: string;
let system: string;

const start = async (config: Parameters<typeof startCloud>[0] = {}): Promise<void> => {
  cloud = await startCloud(config);
  admin = await cloud.admin();
  system = await cloud.token(passwordAuth(ADMIN, ADMIN_PASSWORD, SYSTEM));
};
beforeEach(() => start());
afterEach(() => cloud.close());

const as = (token: string, method: string, path: string, body?: unknown): Promise<Answer> =>
  cloud.ask(method, path, { token, ...(body === undefined ? {} : { body }) });
const serviceId = async (): Promise<string> =>
  (await as(admin, 'GET', '/v3/services?type=identity')).body.services[0].id;

describe('endpoint filters', () => {
  it('leave only a project’s own endpoints in its catalog', async () => {
    const endpoints = (await as(admin, 'GET', '/v3/endpoints?interface=public')).body.endpoints;
    const group = await as(admin, 'POST', '/v3/OS-EP-FILTER/endpoint_groups', {
      endpoint_group: { name: 'g', filters: { service_id: await serviceId(), interface: 'public' } },
    });
    expect(group.status).toBe(201);
    const groupId = group.body.endpoint_group.id;
    const project = (await as(admin, 'GET', '/v3/projects?name=admin')).body.projects[0].id;
    const path = `/v3/OS-EP-FILTER/endpoint_groups/${groupId}/projects/${project}`;
    expect((await as(admin, 'PUT', path)).status).toBe(204);
    expect((await as(admin, 'PUT', path)).status).toBe(409);
    const token = await cloud.ask('POST', '/v3/auth/tokens', {
      body: { auth: passwordAuth(ADMIN, ADMIN_PASSWORD, ADMIN_PROJECT) },
    });
    expect(token.body.token.catalog).toHaveLength(1);
    expect(token.body.token.catalog[0].endpoints).toHaveLength(1);
    expect((await as(admin, 'DELETE', path)).status).toBe(204);
    const bad = await as(admin, 'POST', '/v3/OS-EP-FILTER/endpoint_groups', {
      endpoint_group: { name: 'g', filters: { url: 'x' } },
    });
    expect([bad.status, endpoints.length]).toEqual([400, 2]);
  });
});

describe('policy documents', () => {
  it('reach an endpoint by itself, by its service in a region above, or by its service', async () => {
    const make = async (blob: string) =>
      (await as(admin, 'POST', '/v3/policies', { policy: { blob, type: 'text/plain' } })).body.policy.id;
    const [own, regional, general] = [await make('own'), await make('regional'), await make('general')];
    const service = await serviceId();
    const endpoint = (await as(admin, 'GET', `/v3/endpoints?service_id=${service}`)).body.endpoints[0].id;
    const attach = (policy: string, tail: string, method = 'PUT') =>
      as(admin, method, `/v3/policies/${policy}/OS-ENDPOINT-POLICY/${tail}`);
    const inForce = async () =>
      (await as(admin, 'GET', `/v3/endpoints/${endpoint}/OS-ENDPOINT-POLICY/policy`)).body.policy?.blob;
    expect(await inForce()).toBeUndefined();
    await attach(general, `services/${service}`);
    expect(await inForce()).toBe('general');
    await attach(regional, `services/${service}/regions/RegionOne`);
    expect(await inForce()).toBe('regional');
    await attach(own, `endpoints/${endpoint}`);
    expect(await inForce()).toBe('own');
    expect((await attach(own, `endpoints/${endpoint}`, 'GET')).status).toBe(204);
    expect((await attach(general, `endpoints/${endpoint}`, 'GET')).status).toBe(404);
    const reached = await as(admin, 'GET', `/v3/policies/${regional}/OS-ENDPOINT-POLICY/endpoints`);
    expect(reached.body.endpoints).toHaveLength(3);
  });
});

describe('limits', () => {
  it('stand on registered ones and are seen by their own project', async () => {
    const service = await serviceId();
    const registered = { service_id: service, resource_name: 'cores', default_limit: 10 };
    expect((await as(admin, 'POST', '/v3/registered_limits', { registered_limits: [registered] })).status).toBe(403);
    const made = await as(system, 'POST', '/v3/registered_limits', { registered_limits: [registered] });
    expect([made.status, made.body.registered_limits[0].region_id]).toEqual([201, null]);
    expect((await as(system, 'POST', '/v3/registered_limits', { registered_limits: [registered] })).status).toBe(409);
    const project = (await as(admin, 'GET', '/v3/projects?name=admin')).body.projects[0].id;
    const limit = { service_id: service, resource_name: 'cores', project_id: project, resource_limit: 5 };
    const lacking = await as(system, 'POST', '/v3/limits', { limits: [{ ...limit, resource_name: 'ram' }] });
    expect(lacking.status).toBe(403);
    const own = await as(system, 'POST', '/v3/limits', { limits: [limit] });
    expect(own.status).toBe(201);
    expect((await as(admin, 'GET', '/v3/limits')).body.limits).toEqual(own.body.limits);
    const id = made.body.registered_limits[0].id;
    expect((await as(system, 'DELETE', `/v3/registered_limits/${id}`)).status).toBe(403);
    expect((await as(system, 'DELETE', `/v3/limits/${own.body.limits[0].id}`)).status).toBe(204);
    expect((await as(system, 'DELETE', `/v3/registered_limits/${id}`)).status).toBe(204);
    expect((await as(admin, 'GET', '/v3/limits/model')).body.model.name).toBe('flat');
  });

  it('of a project stay under its domain’s in the two-level model', async () => {
    await cloud.close();
    await start({ limitModel: 'strict_two_level' });
    const service = await serviceId();
    const base = { service_id: service, resource_name: 'cores' };
    await as(system, 'POST', '/v3/registered_limits', { registered_limits: [{ ...base, default_limit: 10 }] });
    const project = (await as(admin, 'GET', '/v3/projects?name=admin')).body.projects[0].id;
    const make = (limit: object) => as(system, 'POST', '/v3/limits', { limits: [{ ...base, ...limit }] });
    expect((await make({ project_id: project, resource_limit: 11 })).status).toBe(403);
    expect((await make({ domain_id: 'default', resource_limit: 20 })).status).toBe(201);
    expect((await make({ project_id: project, resource_limit: 11 })).status).toBe(201);
    const domainLimit = (await as(system, 'GET', '/v3/limits?domain_id=default')).body.limits[0].id;
    const lowered = await as(system, 'PATCH', `/v3/limits/${domainLimit}`, { limit: { resource_limit: 10 } });
    expect(lowered.status).toBe(403);
  });
});

describe('domain configuration', () => {
  it('is kept in parts, without showing secrets', async () => {
    const path = '/v3/domains/default/config';
    const config = { ldap: { url: 'ldap://x', password: 'hidden' }, identity: { driver: 'ldap' } };
    const made = await as(admin, 'PUT', path, { config });
    expect([made.status, made.body.config]).toEqual([201, { ldap: { url: 'ldap://x' }, identity: { driver: 'ldap' } }]);
    expect((await as(admin, 'GET', `${path}/ldap/url`)).body.config).toEqual({ url: 'ldap://x' });
    expect((await as(admin, 'PATCH', `${path}/ldap/url`, { config: { url: 'ldap://y' } })).status).toBe(200);
    expect((await as(admin, 'PATCH', path, { config: { nova: {} } })).status).toBe(403);
    expect((await as(admin, 'DELETE', `${path}/identity`)).status).toBe(204);
    expect((await as(admin, 'GET', `${path}/identity`)).status).toBe(404);
    expect((await as(admin, 'GET', '/v3/domains/config/identity/driver/default')).body.config).toEqual({
      driver: 'sql',
    });
  });
});

describe('revocation events', () => {
  it('are listed, and what PKI had is gone', async () => {
    const token = await cloud.admin();
    await cloud.ask('DELETE', '/v3/auth/tokens', { token: admin, headers: { 'x-subject-token': token } });
    const events = (await as(admin, 'GET', '/v3/OS-REVOKE/events')).body.events;
    expect(events).toHaveLength(1);
    expect(events[0].audit_id).toMatch(/^[\w-]{22}$/);
    expect((await cloud.ask('GET', '/v3/OS-SIMPLE-CERT/ca')).status).toBe(410);
  });
});
