/** Extensions as clients ask for them by alias: only what is really there. */
export interface Extension {
  readonly alias: string;
  readonly name: string;
  readonly description: string;
  readonly updated: string;
  readonly links: readonly never[];
}

const ENTRIES: readonly (readonly [alias: string, name: string, description: string])[] = [
  ['address-group', 'Address group', 'Groups of addresses that security group rules may name.'],
  ['address-scope', 'Address scope', 'Pools whose addresses must not meet.'],
  ['agent', 'agent', 'The agent management extension.'],
  ['allowed-address-pairs', 'Allowed Address Pairs', 'Other addresses that a port may use.'],
  ['auto-allocated-topology', 'Auto Allocated Topology Services', 'A network, subnet and router for who asks for any.'],
  ['availability_zone', 'Availability Zone', 'The availability zone extension.'],
  ['binding', 'Port Binding', 'Expose port bindings of a virtual port to external application'],
  ['default-subnetpools', 'Default Subnetpools', 'Pools that subnets are taken from when none is named.'],
  ['dhcp_agent_scheduler', 'DHCP Agent Scheduler', 'Which agents serve DHCP for a network.'],
  ['dns-integration', 'DNS Integration', 'Names of ports and networks.'],
  ['empty-string-filtering', 'Empty String Filtering Extension', 'Listing by an empty value.'],
  ['ext-gw-mode', 'Neutron L3 Configurable external gateway mode', 'Turning NAT off at a gateway.'],
  ['external-net', 'Neutron external network', 'Networks that lead out.'],
  ['extra_dhcp_opt', 'Neutron Extra DHCP options', 'DHCP options of a port.'],
  ['extraroute', 'Neutron Extra Route', 'Static routes of a router.'],
  ['extraroute-atomic', 'Atomically add/remove extra routes', 'Adding and removing static routes one by one.'],
  ['filter-validation', 'Filter parameters validation', 'Refusing to list by what is no attribute.'],
  ['fip-port-details', 'Floating IP Port Details Extension', 'The port of a floating IP, in its answer.'],
  ['floating-ip-pools', 'Floating IP Pools Extension', 'Subnets that floating IPs are taken from.'],
  ['ip-substring-filtering', 'IP address substring filtering', 'Listing ports by a part of an address.'],
  ['l3_agent_scheduler', 'L3 Agent Scheduler', 'Which agent does the work of a router.'],
  ['net-mtu', 'Network MTU', 'The largest packet of a network.'],
  ['net-mtu-writable', 'Network MTU (writable)', 'Setting the largest packet of a network.'],
  ['network-ip-availability', 'Network IP Availability', 'How many addresses are used.'],
  ['network_availability_zone', 'Network Availability Zone', 'Availability zones of networks.'],
  ['pagination', 'Pagination support', 'Listing in pages.'],
  ['port-security', 'Port Security', 'Ports without protection against spoofing.'],
  ['project-id', 'project_id field enabled', 'project_id beside tenant_id.'],
  ['provider', 'Provider Network', 'What carries a network.'],
  ['quota_details', 'Quota details management support', 'Limits with what is used of them.'],
  ['quotas', 'Quota management support', 'Limits per project.'],
  ['rbac-address-group', 'Add address_group type to RBAC', 'Sharing address groups.'],
  ['rbac-address-scope', 'Add address_scope type to RBAC', 'Sharing address scopes.'],
  ['rbac-policies', 'RBAC Policies', 'Sharing with certain projects.'],
  ['rbac-security-groups', 'Add security_group type to network RBAC', 'Sharing security groups.'],
  ['rbac-subnetpool', 'Add subnetpool type to RBAC', 'Sharing pools.'],
  ['revision-if-match', 'If-Match constraints based on revision_number', 'Changing only what has not changed.'],
  ['router', 'Neutron L3 Router', 'Routers between subnets, and floating IPs.'],
  ['router_availability_zone', 'Router Availability Zone', 'Availability zones of routers.'],
  ['security-group', 'security-group', 'The security groups extension.'],
  ['security-groups-normalized-cidr', 'Normalized CIDR field for security group rules', 'Prefixes without host bits.'],
  [
    'security-groups-remote-address-group',
    'Remote address group id field for security group rules',
    'Rules for groups of addresses.',
  ],
  ['security-groups-shared-filtering', 'Security group filtering on the shared field', 'Listing shared groups.'],
  ['service-type', 'Neutron Service Type Management', 'Providers of services.'],
  ['sorting', 'Sorting support', 'Listing in an order.'],
  ['standard-attr-description', 'standard-attr-description', 'Descriptions of everything.'],
  ['standard-attr-revisions', 'Resource revision numbers', 'A number that rises with each change.'],
  ['standard-attr-tag', 'Tag support for resources with standard attribute', 'Tags.'],
  ['tag', 'Tag support', 'Tags of networks.'],
  ['tag-ext', 'Tag support for resources: subnet, subnetpool, port, router', 'Tags of what belongs to networks.'],
  ['standard-attr-timestamp', 'Resource timestamps', 'When things were made and changed.'],
  ['subnet-service-types', 'Subnet service types', 'Subnets for certain owners.'],
  ['subnet_allocation', 'Subnet Allocation', 'Subnets from pools.'],
  ['subnet-dns-publish-fixed-ip', 'Subnet DNS publish fixed IP', 'Whether fixed addresses have names outside.'],
  ['subnetpool-prefix-ops', 'Subnet Pool Prefix Operations', 'Adding and removing prefixes of a pool.'],
];

/** When this list was last looked over, as clients are told. */
const UPDATED = '2026-11-21T00:00:00-00:00';

export const EXTENSIONS: readonly Extension[] = ENTRIES.map(([alias, name, description]) => ({
  alias,
  name,
  description,
  updated: UPDATED,
  links: [],
}));
