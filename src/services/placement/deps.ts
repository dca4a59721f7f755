import { Reply } from '#kernel/api/route.ts';
import type { Policy } from '#kernel/auth/policy.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { MethodNotAllowed } from '#kernel/errors.ts';
import { features } from './microversions.ts';
import type { PlacementTables } from './tables.ts';

/** What every slice of placement works with. */
export interface PlacementDeps {
  readonly db: Db<PlacementTables>;
  readonly clock: Clock;
  readonly policy: Policy;
}

/** An answer with placement's cache headers, from the microversion that has them on. */
export function fresh(
  request: { has(feature: string): boolean },
  answer: {
    readonly body?: unknown;
    readonly status?: number;
    readonly headers?: Readonly<Record<string, string>>;
    /** Milliseconds since 1970. */
    readonly modifiedAt: number;
  },
): Reply {
  const cacheHeaders: Record<string, string> = request.has(features.cacheHeaders)
    ? { 'last-modified': new Date(answer.modifiedAt).toUTCString(), 'cache-control': 'no-cache' }
    : {};
  return new Reply({
    status: answer.status ?? 200,
    headers: { ...cacheHeaders, ...answer.headers },
    body: answer.body,
  });
}

/** @throws {MethodNotAllowed} before the microversion that brought the method to an older path. */
export function requireMethod(request: { has(feature: string): boolean }, feature: string): void {
  if (!request.has(feature))
    throw new MethodNotAllowed('placement.undefined_code', 'The method specified is not allowed for this resource.');
}
