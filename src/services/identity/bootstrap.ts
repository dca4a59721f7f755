/**
 * What an empty cloud begins with: domain `default`, project and user `admin`, the five default roles and the catalog.
 * Runs at every start, in one transaction; what is there already is left, but for URLs and the administrator's password.
 */
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { newHexId, newUuid } from '#kernel/ids.ts';
import { insertAssignment } from './assignments/store.ts';
import {
  findRegion,
  insertEndpoint,
  insertRegion,
  insertService,
  listEndpoints,
  listServices,
  updateEndpoint,
} from './catalog/store.ts';
import type { EndpointRow } from './catalog/tables.ts';
import { type IdentityDeps, nowMs } from './deps.ts';
import { findProject, findProjectByName, insertProject } from './projects/store.ts';
import type { ProjectRow } from './projects/tables.ts';
import { findRoleByName, insertImplication, insertRole } from './roles/store.ts';
import type { IdentityTables } from './tables.ts';
import { findPassword, findUserByName, insertPassword, insertUser } from './users/store.ts';

export interface BootstrapOptions {
  readonly adminPassword: string;
  readonly region: string;
  readonly endpoints: readonly BootstrapEndpoint[];
}

export interface BootstrapEndpoint {
  /** The catalog's service type. */
  readonly type: string;
  /** What the project of that service is called, such as `nova`. */
  readonly name: string;
  readonly urls: { readonly public: string; readonly internal?: string; readonly admin?: string };
}

export const DEFAULT_DOMAIN_ID = 'default';

/** Each implies the next. */
const ROLE_LINE = ['admin', 'manager', 'member', 'reader'] as const;
const MAX_ENTRIES = 10_000;

/** Idempotent. The administrator gets this password if it is another one so far. */
export async function bootstrap(deps: IdentityDeps, options: BootstrapOptions): Promise<void> {
  const hash = await newHash(deps, options.adminPassword);
  await inTransaction(deps.db, async (tx) => {
    await ensureProject(deps, tx, {
      id: DEFAULT_DOMAIN_ID,
      name: 'Default',
      is_domain: 1,
      domain_id: '',
      parent_id: null,
    });
    const project = await ensureProject(deps, tx, {
      id: newHexId(),
      name: 'admin',
      is_domain: 0,
      domain_id: DEFAULT_DOMAIN_ID,
      parent_id: DEFAULT_DOMAIN_ID,
      description: 'Bootstrap project for initializing the cloud.',
    });
    const adminRoleId = await ensureRoles(tx);
    const userId = await ensureAdmin(deps, tx, hash);
    const grant = { actor_kind: 'user', actor_id: userId, role_id: adminRoleId, inherited: 0 } as const;
    await insertAssignment(tx, { ...grant, target_kind: 'project', target_id: project.id });
    await insertAssignment(tx, { ...grant, target_kind: 'system', target_id: 'system' });
    await ensureCatalog(tx, options);
    await deps.forgetTokens(tx);
  });
}

/** Undefined when the administrator has this password already. */
async function newHash(deps: IdentityDeps, password: string): Promise<string | undefined> {
  const admin = await findUserByName(deps.db, DEFAULT_DOMAIN_ID, 'admin');
  const known = admin === undefined ? undefined : await findPassword(deps.db, admin.id);
  if (known !== undefined && (await deps.passwords.verify(password, known.password_hash))) return undefined;
  return deps.passwords.hash(password);
}

async function ensureProject(
  deps: IdentityDeps,
  tx: Db<IdentityTables>,
  wanted: Pick<ProjectRow, 'id' | 'name' | 'is_domain' | 'domain_id' | 'parent_id'> & { description?: string },
): Promise<ProjectRow> {
  const known =
    wanted.is_domain === 1
      ? await findProject(tx, wanted.id)
      : await findProjectByName(tx, wanted.domain_id, wanted.name);
  if (known !== undefined) return known;
  const row: ProjectRow = {
    description: 'The default domain',
    ...wanted,
    enabled: 1,
    options: '{}',
    extra: '{}',
    created_at: nowMs(deps),
  };
  await insertProject(tx, row);
  return row;
}

async function ensureRoles(tx: Db<IdentityTables>): Promise<string> {
  const ids = new Map<string, string>();
  for (const name of [...ROLE_LINE, 'service']) {
    const known = await findRoleByName(tx, '', name);
    const id = known?.id ?? newHexId();
    if (known === undefined)
      await insertRole(tx, { id, domain_id: '', name, description: null, options: '{"immutable":true}', extra: '{}' });
    ids.set(name, id);
  }
  for (const [i, name] of ROLE_LINE.entries()) {
    const [prior, implied] = [ids.get(name), ids.get(ROLE_LINE[i + 1] ?? '')];
    if (prior !== undefined && implied !== undefined)
      await insertImplication(tx, { prior_role_id: prior, implied_role_id: implied });
  }
  return ids.get('admin') ?? '';
}

async function ensureAdmin(deps: IdentityDeps, tx: Db<IdentityTables>, hash: string | undefined): Promise<string> {
  const known = await findUserByName(tx, DEFAULT_DOMAIN_ID, 'admin');
  const id = known?.id ?? newHexId();
  const now = nowMs(deps);
  if (known === undefined)
    await insertUser(tx, {
      id,
      domain_id: DEFAULT_DOMAIN_ID,
      name: 'admin',
      enabled: 1,
      default_project_id: null,
      options: '{}',
      extra: '{}',
      failed_auth_count: 0,
      failed_auth_at: null,
      created_at: now,
      last_active_at: null,
    });
  if (hash !== undefined) {
    const row = {
      id: newUuid(),
      user_id: id,
      password_hash: hash,
      self_service: 0,
      created_at: now,
      expires_at: null,
    } as const;
    await insertPassword(tx, row, 1);
  }
  return id;
}

async function ensureCatalog(tx: Db<IdentityTables>, { region, endpoints }: BootstrapOptions): Promise<void> {
  if ((await findRegion(tx, region)) === undefined)
    await insertRegion(tx, { id: region, parent_region_id: null, description: '', extra: '{}' });
  const services = await listServices(tx, [], MAX_ENTRIES);
  const known = await listEndpoints(tx, [], MAX_ENTRIES);
  for (const { type, name, urls } of endpoints) {
    const serviceId = services.find((service) => service.type === type)?.id ?? newHexId();
    if (!services.some((service) => service.id === serviceId))
      await insertService(tx, { id: serviceId, type, name, enabled: 1, extra: '{}' });
    const { public: publicUrl, internal = publicUrl, admin = publicUrl } = urls;
    for (const [kind, url] of [
      ['public', publicUrl],
      ['internal', internal],
      ['admin', admin],
    ] as const) {
      const same = known.find((e) => e.service_id === serviceId && e.region_id === region && e.interface === kind);
      await ensureEndpoint(tx, same, { service_id: serviceId, region_id: region, interface: kind, url });
    }
  }
}

async function ensureEndpoint(
  tx: Db<IdentityTables>,
  known: EndpointRow | undefined,
  wanted: Pick<EndpointRow, 'service_id' | 'region_id' | 'interface' | 'url'>,
): Promise<void> {
  if (known === undefined) await insertEndpoint(tx, { id: newHexId(), ...wanted, enabled: 1, extra: '{}' });
  else if (known.url !== wanted.url) await updateEndpoint(tx, known.id, { url: wanted.url });
}
