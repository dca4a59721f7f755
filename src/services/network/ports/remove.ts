import { releaseFloatingIps } from '../floating-ips/release.ts';
import { touchPort } from '../hosts/touch.ts';
import type { Write } from '../resources/resource.ts';
import { deletePorts, groupsOf, hasOtherPortOnHost, listPorts } from './store.ts';
import { tellCompute } from './tell.ts';

/** Deletes ports with all that hangs on them, whoever asks; their floating IPs become free. */
export async function deletePortRows(write: Write, ids: readonly string[]): Promise<void> {
  const ports = await listPorts(write.tx, { ids });
  const groups = await groupsOf(write.tx, ids);
  await releaseFloatingIps(write, ids);
  for (const port of ports) {
    await touchPort(write, {
      networkId: port.network_id,
      host: port.host,
      securityGroupIds: groups.get(port.id) ?? [],
      joins: port.host !== '' && !(await hasOtherPortOnHost(write.tx, port.network_id, port.host, port.id)),
    });
  }
  await deletePorts(write.tx, ids);
  for (const port of ports) await tellCompute(write, port);
}
