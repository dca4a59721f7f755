import { type Attributes, nameAttribute, standardAttributes, tagsAttribute } from '../resources/attributes.ts';
import * as t from '../resources/types.ts';

/** Groups on one port. */
const MAX_GROUPS = 64;
/** DHCP options of one port: each is a line of the DHCP server's. */
const MAX_DHCP_OPTIONS = 64;
/** A list is read up to here; how many pairs a port may have is the logic's business. */
const MAX_LISTED_PAIRS = 256;
/** What the host may be told about a port beyond its attributes. */
const MAX_PROFILE_BYTES = 4_096;

/** A DHCP option's name as dnsmasq knows it; nothing that could end its line or begin another. */
const optionName: t.AttributeType<string> = {
  schema: { type: 'string', minLength: 1 },
  read: (value, refuse) => {
    const name = t.text(64).read(value, refuse);
    return /^[A-Za-z0-9][A-Za-z0-9:_,-]*$/.test(name) ? name : refuse(`'${name}' is not a valid option name`);
  },
};

/** CVE-2021-40085: a line break in a value wrote lines of the DHCP server's configuration. */
const optionValue: t.AttributeType<string | null> = {
  schema: { type: ['string', 'null'] },
  read: (value, refuse) => {
    if (value === null) return null;
    const text = t.text().read(value, refuse);
    if (text.trim() === '') refuse(`'${text}' Blank strings are not permitted`);
    // oxlint-disable-next-line no-control-regex
    return /[\u0000-\u001f\u007f\u2028\u2029]/.test(text) ? refuse('the value contains control characters') : text;
  },
};

const VNIC_TYPES = [
  'normal',
  'direct',
  'macvtap',
  'baremetal',
  'direct-physical',
  'virtio-forwarder',
  'smart-nic',
  'accelerator-direct',
  'accelerator-direct-physical',
  'remote-managed',
  'vdpa',
] as const;

export const portAttributes = {
  ...standardAttributes,
  ...nameAttribute,
  ...tagsAttribute,
  network_id: { type: t.uuid, post: true, required: true, sortable: true },
  status: { type: t.text(), sortable: true },
  admin_state_up: { type: t.boolean, post: true, put: true, default: true, sortable: true },
  mac_address: { type: t.macAddress, post: true, put: true, sortable: true },
  fixed_ips: {
    type: t.list(t.dictionary({ subnet_id: { type: t.uuid }, ip_address: { type: t.address } })),
    post: true,
    put: true,
  },
  device_id: { type: t.text(), post: true, put: true, default: '', sortable: true },
  device_owner: { type: t.text(), post: true, put: true, default: '', sortable: true },
  port_security_enabled: { type: t.boolean, post: true, put: true },
  security_groups: { type: t.orNull(t.set(t.uuid, MAX_GROUPS)), post: true, put: true },
  allowed_address_pairs: {
    type: t.list(
      t.dictionary({ ip_address: { type: t.addressOrCidr }, mac_address: { type: t.macAddress } }),
      MAX_LISTED_PAIRS,
    ),
    post: true,
    put: true,
  },
  extra_dhcp_opts: {
    type: t.list(
      t.dictionary({
        opt_name: { type: optionName, required: true },
        opt_value: { type: optionValue, required: true },
        ip_version: { type: t.ipVersion },
      }),
      MAX_DHCP_OPTIONS,
    ),
    post: true,
    put: true,
  },
  dns_name: { type: t.dnsName(63), post: true, put: true, default: '' },
  dns_assignment: { type: t.list(t.text()) },
  'binding:host_id': { type: t.textOrNull(), post: true, put: true, sortable: true },
  'binding:vnic_type': { type: t.oneOf(...VNIC_TYPES), post: true, put: true, default: 'normal' },
  'binding:profile': { type: t.json(MAX_PROFILE_BYTES), post: true, put: true },
  'binding:vif_type': { type: t.text() },
  'binding:vif_details': { type: t.text() },
} as const satisfies Attributes;
