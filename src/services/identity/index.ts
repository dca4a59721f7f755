import { join } from 'node:path';
import type { Authenticator } from '#kernel/auth/context.ts';
import { createPolicy } from '#kernel/auth/policy.ts';
import type { Db } from '#kernel/db/database.ts';
import { errorChain } from '#kernel/errors.ts';
import { createServiceApp } from '#kernel/http/service-app.ts';
import type { ProjectId, UserId } from '#kernel/ids.ts';
import { atRest, type Explanation } from '#kernel/operations/explanation.ts';
import type { Service, ServiceDeps } from '#kernel/service.ts';
import { type BootstrapOptions, bootstrap } from './bootstrap.ts';
import { type CatalogViewer, findEndpointUrl, type WantedEndpoint } from './catalog/catalog.ts';
import { completeConfig, type IdentityConfig } from './config.ts';
import { createVault, type Vault } from './credentials/vault.ts';
import type { IdentityDeps } from './deps.ts';
import { createErrorStyle } from './errors.ts';
import { createIssuerKeys } from './federation/issuer-keys.ts';
import { type IdentityKeys, openIdentityKeys, rotateCredentialKeys, rotateTokenKeys } from './keys.ts';
import { readEffectiveLimit } from './limits/effective.ts';
import { identityPolicy } from './policy.ts';
import { findProject } from './projects/store.ts';
import { pruneRevocations } from './revocations/revoke.ts';
import { identityRoutes } from './routes.ts';
import type { IdentityTables } from './tables.ts';
import { createAuthenticator, createTokenReader } from './tokens/authenticator.ts';
import { createTokenCache } from './tokens/cache.ts';
import type { Token } from './tokens/model.ts';
import { createTokenCodec } from './tokens/provider.ts';
import { createPasswords } from './users/passwords.ts';
import { findUser } from './users/store.ts';

export type { BootstrapOptions } from './bootstrap.ts';
export { DEFAULT_CONFIG as DEFAULT_IDENTITY_CONFIG, type IdentityConfig } from './config.ts';
export { openIdentityKeys, rotateCredentialKeys, rotateTokenKeys } from './keys.ts';
export { identityMigrations } from './tables.ts';

export interface IdentityService extends Service {
  /** Checks the tokens of all services' requests. */
  readonly authenticator: Authenticator;
  /** Makes what an empty cloud begins with; idempotent. */
  bootstrap(options: BootstrapOptions): Promise<void>;
  /** Seals new tokens with the staged keys and stages others; tokens sealed with the oldest key end. */
  rotateTokenKeys(): Promise<void>;
  /** Seals all secrets in the database with a new key; answers how many. */
  rotateCredentialKeys(): Promise<number>;
  /** Where a service is in a region, as the catalog of this user and project tells; undefined when it does not. */
  findEndpoint(viewer: CatalogViewer, wanted: WantedEndpoint): Promise<string | undefined>;
  /** Seals secrets that other services have to keep in the database for a while. */
  readonly vault: Vault;
  /** How much of a service's resource a project may have; undefined where no limit is registered, -1 for no limit. */
  limitOf(projectId: ProjectId, serviceType: string, resourceName: string): Promise<number | undefined>;
  /** Whether there is such a project, or domain. */
  projectExists(id: ProjectId): Promise<boolean>;
}

export type IdentityServiceDeps = Omit<ServiceDeps, 'authenticator' | 'tasks'> & {
  /** What differs from keystone's defaults. */
  readonly config?: Partial<IdentityConfig>;
};

/**
 * Builds the identity service. Reads its keys below `<dataDir>/identity`, which it makes when they are missing.
 * @throws {Error} when a key folder cannot be read.
 */
export async function createIdentityService(given: IdentityServiceDeps): Promise<IdentityService> {
  const { clock, log, metrics, revisions, settings } = given;
  const config = completeConfig(given.config);
  const db = given.db as Db<IdentityTables>;
  const keys = await openIdentityKeys(settings.dataDir, config.maxActiveKeys);
  const policy = createPolicy({
    rules: identityPolicy,
    file: join(settings.configDir, 'identity', 'policy.yaml'),
    log,
    monotonicMs: () => clock.monotonicMs(),
    refusal: (rule) => `You are not authorized to perform the requested action: ${rule}.`,
  });
  const cache = createTokenCache<Token>(db, revisions, clock);
  const deps: IdentityDeps = {
    db,
    clock,
    log,
    policy,
    config,
    passwords: createPasswords(config.bcryptRounds),
    tokens: createTokenCodec(config.tokenProvider, keys),
    issuers: createIssuerKeys(config.trustedIssuers, given),
    vault: createVault(keys.credentials),
    forgetTokens: (tx) => cache.forget(tx),
  };
  const reader = createTokenReader(deps, cache);
  const authenticator = createAuthenticator(reader);
  const publicUrl = settings.publicUrls['identity'] ?? 'http://127.0.0.1:5000';
  const app = createServiceApp({
    type: 'identity',
    routes: identityRoutes(deps, reader),
    style: createErrorStyle(publicUrl),
    policy,
    authenticator,
    publicUrl,
    identityUrl: publicUrl,
    clock,
    log,
    metrics,
  });
  return {
    type: 'identity',
    app,
    authenticator,
    operations: { explain: (id) => explainIdentity(db, id) },
    run: (signal) => tidyUp(deps, keys, signal),
    rotateTokenKeys: () => rotateTokenKeys(keys),
    rotateCredentialKeys: () => rotateCredentialKeys(db, keys),
    bootstrap: (options) => bootstrap(deps, options),
    findEndpoint: (viewer, wanted) => findEndpointUrl(db, viewer, wanted),
    vault: deps.vault,
    limitOf: (projectId, serviceType, resourceName) =>
      readEffectiveLimit(deps, projectId, { serviceType, resourceName, region: settings.region }),
    projectExists: async (id) => (await findProject(db, id)) !== undefined,
  };
}

/** Projects and users: nothing is ever under way with them. A user belongs to no project. */
async function explainIdentity(db: Db<IdentityTables>, id: string): Promise<Explanation | undefined> {
  const project = await findProject(db, id as ProjectId);
  if (project !== undefined) return atRest({ type: 'identity.project', id, name: project.name, projectId: id });
  const user = await findUser(db, id as UserId);
  if (user !== undefined) return atRest({ type: 'identity.user', id, name: user.name, projectId: null });
  return undefined;
}

/** How often keys that another controller rotated in are looked for, and events that are too old dropped. */
const TIDY_EVERY_MS = 60_000;

/** Goes on until the controller stops; a turn that fails is told of and tried again at the next. */
async function tidyUp(deps: IdentityDeps, keys: IdentityKeys, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await deps.clock.sleep(TIDY_EVERY_MS, signal);
    if (signal.aborted) return;
    try {
      keys.reload();
      await pruneRevocations(deps);
    } catch (error) {
      deps.log.error({ error: errorChain(error) }, 'identity could not tidy up');
    }
  }
}
