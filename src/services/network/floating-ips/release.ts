import { touchRouters } from '../hosts/touch.ts';
import type { Write } from '../resources/resource.ts';
import { touchRow } from '../resources/store.ts';
import { listFloatingIpsOfPorts, updateFloatingIpRow } from './store.ts';

/** Takes floating IPs off ports that go away; the addresses stay the project's. */
export async function releaseFloatingIps(write: Write, portIds: readonly string[]): Promise<void> {
  const floatingIps = await listFloatingIpsOfPorts(write.tx, portIds);
  await touchRouters(
    write,
    floatingIps.flatMap(({ router_id }) => router_id ?? []),
  );
  for (const { id } of floatingIps) {
    await updateFloatingIpRow(write.tx, id, {
      fixed_port_id: null,
      fixed_ip_address: null,
      router_id: null,
      status: 'DOWN',
    });
    await touchRow(write.tx, 'floating_ips', id, write.deps.clock.now().getTime());
  }
}
