import { createHash } from 'node:crypto';

/**
 * What a project is told of a host: the same for all its servers there, and nothing that names the host.
 * @see nova/utils.py, generate_hostid
 */
export function hostIdOf(projectId: string, hostname: string | null): string {
  return hostname === null || hostname === ''
    ? ''
    : createHash('sha224')
        .update(projectId + hostname)
        .digest('hex');
}
