import { type Attributes, nameAttribute, standardAttributes, tagsAttribute } from '../resources/attributes.ts';
import * as t from '../resources/types.ts';

/** Wire MTUs end here. */
const MAX_MTU = 65_535;
/** Zones that one thing may ask for. */
export const MAX_ZONE_HINTS = 10;

export const networkAttributes = {
  ...standardAttributes,
  ...nameAttribute,
  ...tagsAttribute,
  status: { type: t.text() },
  subnets: { type: t.list(t.uuid) },
  admin_state_up: { type: t.boolean, post: true, put: true, default: true, sortable: true },
  shared: { type: t.boolean, post: true, put: true, default: false },
  mtu: { type: t.integer(0, MAX_MTU), post: true, put: true, sortable: true },
  'router:external': { type: t.boolean, post: true, put: true, default: false },
  'provider:network_type': {
    type: t.orNull(t.oneOf('local', 'flat', 'vlan', 'vxlan', 'gre')),
    post: true,
    put: true,
    sortable: true,
  },
  'provider:physical_network': { type: t.textOrNull(64), post: true, put: true, sortable: true },
  'provider:segmentation_id': { type: t.integerOrNull(0, 2 ** 24 - 1), post: true, put: true, sortable: true },
  port_security_enabled: { type: t.boolean, post: true, put: true, default: true },
  is_default: { type: t.boolean, post: true, put: true, default: false },
  dns_domain: { type: t.dnsName(255), post: true, put: true, default: '' },
  availability_zone_hints: { type: t.list(t.text(), MAX_ZONE_HINTS), post: true, default: [] },
  availability_zones: { type: t.list(t.text()) },
  ipv4_address_scope: { type: t.uuidOrNull },
  ipv6_address_scope: { type: t.uuidOrNull },
} as const satisfies Attributes;
