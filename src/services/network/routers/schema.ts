import { type Attributes, nameAttribute, standardAttributes, tagsAttribute } from '../resources/attributes.ts';
import * as t from '../resources/types.ts';

const gatewayShape = t.dictionary({
  network_id: { type: t.uuid },
  enable_snat: { type: t.boolean },
  external_fixed_ips: {
    type: t.list(t.dictionary({ subnet_id: { type: t.uuid }, ip_address: { type: t.address } }), 32),
  },
});

/** Null and `{}` both take the gateway away. */
const gateway: t.AttributeType<{
  readonly network_id: string;
  readonly enable_snat?: boolean;
  readonly external_fixed_ips?: readonly { readonly subnet_id?: string; readonly ip_address?: string }[];
} | null> = {
  schema: { anyOf: [gatewayShape.schema, { type: 'null' }] },
  read: (value, refuse) => {
    if (value === null) return null;
    const { network_id: networkId, ...rest } = gatewayShape.read(value, refuse);
    if (networkId !== undefined) return { network_id: networkId, ...rest };
    return Object.keys(rest).length === 0
      ? null
      : refuse("Validation of dictionary's keys failed. Expected keys: {'network_id'}");
  },
};

export const routerAttributes = {
  ...standardAttributes,
  ...nameAttribute,
  ...tagsAttribute,
  status: { type: t.text(), sortable: true },
  admin_state_up: { type: t.boolean, post: true, put: true, default: true, sortable: true },
  external_gateway_info: { type: gateway, post: true, put: true },
  routes: { type: t.set(t.hostRoute), put: true },
  availability_zone_hints: { type: t.list(t.text(), 10), post: true, default: [] },
  availability_zones: { type: t.list(t.text()) },
  flavor_id: { type: t.uuidOrNull },
} as const satisfies Attributes;
