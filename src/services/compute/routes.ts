import type { Route } from '#kernel/api/route.ts';
import type { ComputeDeps } from './deps.ts';
import { atBothRoots } from './roots.ts';
import { versionRoutes } from './versions.ts';

/** Every operation of the service. */
export function computeRoutes(_deps: ComputeDeps): Route[] {
  const routes: Route[] = [];
  return [...versionRoutes, ...routes.flatMap(atBothRoots)];
}
