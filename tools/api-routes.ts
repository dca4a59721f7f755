import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Route } from '#kernel/api/route.ts';
import { systemClock } from '#kernel/clock.ts';
import { openDatabase } from '#kernel/db/database.ts';
import { migrateUp } from '#kernel/db/migrate.ts';
import { factsOf } from '#kernel/http/service-app.ts';
import { silentLog } from '#kernel/log.ts';
import { systemRandom } from '#kernel/random.ts';
import { controllerMigrations, createControlPlane } from '../src/controller/control-plane.ts';

/** Every operation that the program has, by service type: of a control plane over an empty database that never runs. */
export async function listRoutes(): Promise<ReadonlyMap<string, readonly Route[]>> {
  const folder = await mkdtemp(join(tmpdir(), 'pileus-routes-'));
  const db = openDatabase({ kind: 'sqlite', file: ':memory:', durability: 'normal' });
  try {
    await migrateUp(db, controllerMigrations);
    const { services } = await createControlPlane({
      db,
      owner: { id: 'none', incarnation: 1 },
      settings: { region: 'RegionOne', publicUrls: {}, dataDir: folder, configDir: folder },
      adminPassword: 'unused',
      identity: { bcryptRounds: 4 },
      agents: NO_AGENTS,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    });
    return new Map(services.map(({ app }) => [factsOf(app).type, factsOf(app).routes]));
  } finally {
    await db.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}

const NO_AGENTS = {
  agentOf: (): never => {
    throw new Error('no request is ever served here');
  },
};
