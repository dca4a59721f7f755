import { type Attributes, nameAttribute, standardAttributes, tagsAttribute } from '../resources/attributes.ts';
import * as t from '../resources/types.ts';

/** Ranges of one subnet; each is looked through at every allocation. */
const MAX_POOLS = 64;
const MODES = ['slaac', 'dhcpv6-stateful', 'dhcpv6-stateless'] as const;

export const subnetAttributes = {
  ...standardAttributes,
  ...nameAttribute,
  ...tagsAttribute,
  network_id: { type: t.uuid, post: true, required: true, sortable: true },
  ip_version: { type: t.ipVersion, post: true, sortable: true },
  cidr: { type: t.cidrOrNull, post: true, sortable: true },
  prefixlen: { type: t.integer(0, 128), post: true },
  subnetpool_id: { type: t.textOrNull(36), post: true, sortable: true },
  use_default_subnetpool: { type: t.boolean, post: true },
  gateway_ip: { type: t.addressOrNull, post: true, put: true, sortable: true },
  allocation_pools: { type: t.list(t.addressRange, MAX_POOLS), post: true, put: true },
  dns_nameservers: { type: t.set(t.address), post: true, put: true },
  host_routes: { type: t.set(t.hostRoute), post: true, put: true },
  enable_dhcp: { type: t.boolean, post: true, put: true, default: true, sortable: true },
  ipv6_ra_mode: { type: t.oneOf(...MODES), post: true, sortable: true },
  ipv6_address_mode: { type: t.oneOf(...MODES), post: true, sortable: true },
  service_types: { type: t.set(t.text()), post: true, put: true },
  dns_publish_fixed_ip: { type: t.boolean, post: true, put: true, default: false },
} as const satisfies Attributes;
