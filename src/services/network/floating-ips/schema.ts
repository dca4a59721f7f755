import { type Attributes, standardAttributes, tagsAttribute } from '../resources/attributes.ts';
import * as t from '../resources/types.ts';

export const floatingIpAttributes = {
  ...standardAttributes,
  ...tagsAttribute,
  floating_network_id: { type: t.uuid, post: true, required: true, sortable: true },
  floating_ip_address: { type: t.addressOrNull, post: true, default: null, sortable: true },
  subnet_id: { type: t.uuidOrNull, post: true, default: null },
  port_id: { type: t.uuidOrNull, post: true, put: true, sortable: true },
  fixed_ip_address: { type: t.addressOrNull, post: true, put: true, sortable: true },
  router_id: { type: t.uuidOrNull, sortable: true },
  status: { type: t.text(), sortable: true },
  dns_name: { type: t.dnsName(63), post: true, default: '' },
  dns_domain: { type: t.dnsName(255), post: true, default: '' },
  port_details: { type: t.text() },
} as const satisfies Attributes;
