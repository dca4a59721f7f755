import { type Attributes, standardAttributes, tagsAttribute } from '../resources/attributes.ts';
import * as t from '../resources/types.ts';
import { ethertype, port, protocol, remotePrefix } from './values.ts';

export const securityGroupAttributes = {
  ...standardAttributes,
  ...tagsAttribute,
  name: { type: t.text(), post: true, put: true, default: '', sortable: true },
  stateful: { type: t.boolean, post: true, put: true, default: true },
  shared: { type: t.boolean },
  security_group_rules: { type: t.list(t.text()) },
} as const satisfies Attributes;

export const securityGroupRuleAttributes = {
  ...standardAttributes,
  description: { type: t.text(), post: true, default: '', sortable: true },
  security_group_id: { type: t.text(36), post: true, required: true, sortable: true },
  direction: { type: t.oneOf('ingress', 'egress'), post: true, required: true, sortable: true },
  ethertype: { type: ethertype, post: true, default: 'IPv4', sortable: true },
  protocol: { type: protocol, post: true, default: null, sortable: true },
  port_range_min: { type: port, post: true, default: null, sortable: true },
  port_range_max: { type: port, post: true, default: null, sortable: true },
  remote_ip_prefix: { type: remotePrefix, post: true, default: null, sortable: true },
  remote_group_id: { type: t.textOrNull(36), post: true, default: null, sortable: true },
  remote_address_group_id: { type: t.uuidOrNull, post: true, default: null, sortable: true },
  normalized_cidr: { type: t.textOrNull() },
} as const satisfies Attributes;
