import type { ComputeDeps } from '../deps.ts';
import { listHosts } from '../hosts/store.ts';

/**
 * How far the hosts have come with auditing the last whole month before a time: nowhere, for no host keeps such audits
 * (nova's do when it is told to). Usage is counted from the servers themselves, see `tenant-usage`.
 */
export async function auditLog({ db }: Pick<ComputeDeps, 'db'>, before: number): Promise<unknown> {
  const at = new Date(before);
  const end = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1));
  const beginning = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() - 1, 1));
  const names = (await listHosts(db)).map(({ hostname }) => hostname);
  return {
    period_beginning: pythonTime(beginning),
    period_ending: pythonTime(end),
    num_hosts: names.length,
    num_hosts_done: 0,
    num_hosts_running: 0,
    num_hosts_not_run: names.length,
    hosts_not_run: names,
    total_instances: 0,
    total_errors: 0,
    overall_status: `${names.length === 0 ? 'ALL' : `0 of ${names.length}`} hosts done. 0 errors.`,
    log: {},
  };
}

function pythonTime(date: Date): string {
  return date.toISOString().slice(0, 19).replace('T', ' ');
}
