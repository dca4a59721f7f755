import type { AnyTaskKind } from '#kernel/tasks/task.ts';
import type { ComputeDeps } from '../../deps.ts';
import { abandonServer } from './abandon.ts';
import { buildServer } from './build.ts';
import { deleteServer, finishDelete } from './delete.ts';
import { finishOffload, offloadServer } from './offload.ts';
import { releasePorts } from './release-ports.ts';
import { fitServerClaim, resizeServer } from './resize.ts';
import { discardSnapshot, rotateBackups } from './snapshots.ts';
import { unshelveServer } from './unshelve.ts';

/** Everything that servers leave to the task engine. */
export function serverTaskKinds(deps: ComputeDeps): readonly AnyTaskKind[] {
  return [
    buildServer(deps),
    abandonServer(deps),
    deleteServer(deps),
    finishDelete(deps),
    releasePorts(deps),
    resizeServer(deps),
    fitServerClaim(deps),
    discardSnapshot(deps),
    offloadServer(deps),
    finishOffload(deps),
    unshelveServer(deps),
    rotateBackups(deps),
  ] as readonly AnyTaskKind[];
}
