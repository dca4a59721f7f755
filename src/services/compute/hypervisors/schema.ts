import { type Static, Type } from 'typebox';
import { since } from '#kernel/api/schema.ts';
import { BooleanWord, Fqdn, queryOf } from '../fields.ts';
import { compute } from '../microversions.ts';
import { pagingFields } from '../paging.ts';

const WithServers = since(compute.uuidsForServicesAndHypervisors, Type.Optional(BooleanWord));

export const HypervisorListQuery = queryOf(
  {
    limit: since(compute.hypervisorPaging, pagingFields.limit),
    marker: since(compute.hypervisorPaging, pagingFields.marker),
    hypervisor_hostname_pattern: since(compute.uuidsForServicesAndHypervisors, Type.Optional(Fqdn)),
    with_servers: WithServers,
  },
  compute.uuidsForServicesAndHypervisors,
);
export type HypervisorListQuery = Static<typeof HypervisorListQuery>;

export const HypervisorQuery = queryOf({ with_servers: WithServers }, compute.uuidsForServicesAndHypervisors);
