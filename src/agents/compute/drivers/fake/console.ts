import type { DesiredGuest } from '#protocol/guests.ts';

/**
 * What a guest that has been up for `upMs` would have written to its serial console.
 * @param bootMs when it asks for a login.
 */
export function consoleText(guest: DesiredGuest, upMs: number, bootMs: number): string {
  const host = guest.metadata.hostname;
  const lines: readonly (readonly [number, string])[] = [
    [0, 'Linux version 6.1.0-fake (pileus) #1 SMP'],
    [0.01, 'Command line: console=ttyS0'],
    [0.05, `smpboot: Allowing ${guest.vcpus} CPUs, 0 hotplug CPUs`],
    [0.1, `Memory: ${guest.memoryMib * 1024}K available`],
    ...guest.interfaces.map((port, i) => [0.4, `virtio_net virtio${i}: eth${i} ${port.macAddress}`] as const),
    [0.7, `systemd[1]: Hostname set to <${host}>.`],
    [0.9, 'cloud-init[1]: Datasource DataSourceOpenStack'],
    [1, `\r\n${host} login: `],
  ];
  return lines
    .filter(([part]) => part * bootMs <= upMs)
    .map(([part, text]) => (part === 1 ? text : `[${((part * bootMs) / 1_000).toFixed(6).padStart(12)}] ${text}\r\n`))
    .join('');
}
