import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Route } from '#kernel/api/route.ts';
import { systemClock } from '#kernel/clock.ts';
import { openDatabase } from '#kernel/db/database.ts';
import { createRevisions } from '#kernel/events/revisions.ts';
import { createMetrics } from '#kernel/http/metrics.ts';
import { factsOf } from '#kernel/http/service-app.ts';
import { silentLog } from '#kernel/log.ts';
import { systemRandom } from '#kernel/random.ts';
import { createTaskEngine } from '#kernel/tasks/engine.ts';
import { createComputeService } from '#services/compute/index.ts';
import { createIdentityService } from '#services/identity/index.ts';
import { createImageService } from '#services/image/index.ts';
import { createPlacementService } from '#services/placement/index.ts';

/** Every operation that the program has, by service type. The services are built over an empty database and never run. */
export async function listRoutes(): Promise<ReadonlyMap<string, readonly Route[]>> {
  const folder = await mkdtemp(join(tmpdir(), 'pileus-routes-'));
  const db = openDatabase({ kind: 'sqlite', file: ':memory:', durability: 'normal' });
  const common = {
    db,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    metrics: createMetrics(),
    tasks: createTaskEngine({ db, clock: systemClock, log: silentLog, owner: 'tool' }),
    revisions: createRevisions(db as never, systemClock),
    settings: { region: 'RegionOne', publicUrls: {}, dataDir: folder, configDir: folder },
  };
  try {
    const identity = await createIdentityService(common);
    const deps = { ...common, authenticator: identity.authenticator };
    const image = createImageService(deps);
    const placement = createPlacementService(deps);
    const compute = createComputeService({ ...deps, identity, placement, image, network: NOBODY, agents: NOBODY });
    return new Map([identity, image, placement, compute].map(({ app }) => [factsOf(app).type, factsOf(app).routes]));
  } finally {
    await db.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A peer that nobody calls, for no request is ever served here. */
const NOBODY = {} as never;
