/** Names of network devices that the controller and both agents of a host must agree on. */

/** A guest's device, and the host's end of a DHCP server's or router's link: what Linux's 15 characters leave of the port's id. */
export const tapName = (portId: string): string => `tap${portId.slice(0, 11)}`;
