import { BadRequest } from '#kernel/errors.ts';
import type { ComputeDeps } from './deps.ts';

/**
 * Refuses what is said of a project that identity doesn't know.
 * @throws {BadRequest} `compute.project.absent`
 * @see nova/api/openstack/identity.py
 */
export async function checkProject({ identity }: Pick<ComputeDeps, 'identity'>, projectId: string): Promise<void> {
  if (await identity.projectExists(projectId)) return;
  throw new BadRequest('compute.project.absent', `Project ID ${projectId.slice(0, 255)} is not a valid project.`);
}
