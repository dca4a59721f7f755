import { cidrsOverlap } from '#kernel/net.ts';
import { badResource } from '../errors.ts';
import { cidrOf } from '../subnets/ranges.ts';
import type { SubnetRow } from '../subnets/tables.ts';

/** @throws {BadRequest} when a subnet is joined already, or its addresses meet those of another one. */
export function refuseOverlaps(
  own: readonly { readonly subnet_id: string; readonly cidr: string }[],
  subnets: readonly SubnetRow[],
  routerId: string,
): void {
  for (const subnet of subnets) {
    for (const other of own) {
      if (other.subnet_id === subnet.id)
        throw badResource('router', `Router ${routerId} already has a port on subnet ${subnet.id}`);
      if (cidrsOverlap(cidrOf(other.cidr), cidrOf(subnet.cidr)))
        throw badResource(
          'router',
          `Cidr ${subnet.cidr} of subnet ${subnet.id} overlaps with cidr ${other.cidr} of subnet ${other.subnet_id}`,
        );
    }
  }
}
