/** Giving ports back that a guest has let go of: one step, which network makes harmless to repeat. */
import type { TaskKind, TaskName, TaskRun } from '#kernel/tasks/task.ts';
import type { ComputeDeps } from '../../deps.ts';
import { CLEANUP_DEADLINE_MS } from './abandon.ts';

export interface ReleasePortsInput {
  readonly portIds: readonly string[];
}

export const releasePortsTask: TaskName<ReleasePortsInput> = 'compute.server.release-ports';

export function releasePorts(deps: ComputeDeps): TaskKind<ReleasePortsInput, object> {
  return {
    name: releasePortsTask,
    deadlineMs: CLEANUP_DEADLINE_MS,
    steps: [
      {
        name: 'release ports',
        run: (run: TaskRun<ReleasePortsInput, object>) =>
          deps.network.releaseServerPorts(run.resourceId, run.input.portIds),
      },
    ],
  };
}
