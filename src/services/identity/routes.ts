import type { Route } from '#kernel/api/route.ts';
import { applicationCredentialRoutes } from './application-credentials/routes.ts';
import { assignmentRoutes } from './assignments/routes.ts';
import { catalogRoutes } from './catalog/routes.ts';
import { credentialRoutes } from './credentials/routes.ts';
import type { IdentityDeps } from './deps.ts';
import { discoveryRoutes } from './discovery/routes.ts';
import { domainConfigRoutes } from './domain-config/routes.ts';
import { endpointFilterRoutes } from './endpoint-filters/routes.ts';
import { federationRoutes } from './federation/routes.ts';
import { groupRoutes } from './groups/routes.ts';
import { limitRoutes } from './limits/routes.ts';
import { oauth1Routes } from './oauth1/routes.ts';
import { storedPolicyRoutes } from './policies/routes.ts';
import { projectRoutes } from './projects/routes.ts';
import { revocationRoutes } from './revocations/routes.ts';
import { roleRoutes } from './roles/routes.ts';
import type { TokenReader } from './tokens/authenticator.ts';
import { tokenRoutes } from './tokens/routes.ts';
import { trustRoutes } from './trusts/routes.ts';
import { userRoutes } from './users/routes.ts';

/** Every operation of identity. */
export const identityRoutes = (deps: IdentityDeps, reader: TokenReader): Route[] => [
  ...discoveryRoutes(),
  ...tokenRoutes(deps, reader),
  ...projectRoutes(deps),
  ...userRoutes(deps),
  ...groupRoutes(deps),
  ...roleRoutes(deps),
  ...assignmentRoutes(deps),
  ...catalogRoutes(deps),
  ...applicationCredentialRoutes(deps),
  ...trustRoutes(deps),
  ...credentialRoutes(deps),
  ...storedPolicyRoutes(deps),
  ...endpointFilterRoutes(deps),
  ...domainConfigRoutes(deps),
  ...limitRoutes(deps),
  ...revocationRoutes(deps),
  ...oauth1Routes(deps),
  ...federationRoutes(deps),
];
