/** What an operator may set of a host, in the section `host` of `pileus.yaml`. */
export interface HostConfig {
  /** Physical network → interface or bridge of this host: `{ physnet1: eth1 }`. */
  readonly physicalNetworks: Readonly<Record<string, string>>;
  /**
   * A bridge that the agent makes for the external network of a single machine, or empty for none (when
   * `physicalNetworks` names a real interface).
   */
  readonly externalBridge: string;
  /** The bridge's own address: the gateway of the external network. */
  readonly externalAddress: string;
  /** Whether guests reach the world through this host's own address. */
  readonly externalMasquerade: boolean;
  /** `auto` tries whether KVM really runs a guest; `kvm` and `qemu` believe the operator. */
  readonly virtType: string;
}

export const DEFAULT_HOST_CONFIG: HostConfig = {
  physicalNetworks: { physnet1: 'br-ex' },
  externalBridge: 'br-ex',
  externalAddress: '172.24.4.1/24',
  externalMasquerade: true,
  virtType: 'auto',
};
