import { tryListen } from '../../install/doctor/machine.ts';
import { type Words, words } from '../language.ts';

/** Why a port cannot be listened on, and what helps, by the system's code. */
const REASONS: Readonly<Record<string, (address: string, port: number) => Words>> = {
  EADDRINUSE: (address, port) => ({
    en: `port ${port} of ${address} is taken by another program (ss -ltnp 'sport = :${port}' shows which): stop it, or choose another address with --listen, such as 127.0.0.2`,
    zh: `${address} 的端口 ${port} 已被其他程序占用（用 ss -ltnp 'sport = :${port}' 查看）：请停止该程序，或用 --listen 换一个地址，例如 127.0.0.2`,
  }),
  EADDRNOTAVAIL: (address) => ({
    en: `this machine has no address ${address}: ip -brief address lists those that --listen can name`,
    zh: `本机没有地址 ${address}：可用于 --listen 的地址见 ip -brief address`,
  }),
  EACCES: (address, port) => ({
    en: `no permission to listen on ${address} port ${port}: run this as root (sudo)`,
    zh: `没有权限监听 ${address} 的端口 ${port}：请以 root（sudo）运行`,
  }),
};

const UNKNOWN_NAME = (address: string): Words => ({
  en: `${address} is no address of this machine: ip -brief address lists those that --listen can name`,
  zh: `${address} 不是本机的地址：可用于 --listen 的地址见 ip -brief address`,
});

/**
 * Looks, before a start makes anything, whether an address and ports can be listened on.
 * @throws {Error} saying in the terminal's language which cannot and what helps.
 */
export async function requireListenable(address: string, ports: Readonly<Record<string, number>>): Promise<void> {
  for (const [name, port] of Object.entries(ports)) {
    const code = await tryListen(address, port);
    if (code === undefined) continue;
    const reason = (REASONS[code] ?? (code === 'ENOTFOUND' || code === 'EAI_AGAIN' ? UNKNOWN_NAME : undefined))?.(
      address,
      port,
    );
    const other = {
      en: `it cannot listen on ${address} port ${port}: ${code}`,
      zh: `无法监听 ${address} 的端口 ${port}：${code}`,
    };
    throw new Error(`${name}: ${words(reason ?? other)}`);
  }
}
