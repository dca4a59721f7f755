import { change, type Moment, make, pickEntry, pickFrom, remove, told, type Weighted } from './operation.ts';

/** More than this and the hosts only refuse. */
const MAX_SERVERS = 10;

async function createServer(moment: Moment): Promise<string | undefined> {
  const { chance, ledger, user, world } = moment;
  if (ledger.living('server').length >= MAX_SERVERS) return undefined;
  const port = chance.percent(20) ? pickFrom(chance, ledger.living('port', user.project)) : undefined;
  const network = pickFrom(chance, ledger.living('network', user.project));
  const group = chance.percent(20) ? pickFrom(chance, ledger.living('server-group', user.project)) : undefined;
  const keyPair = chance.percent(30)
    ? pickFrom(
        chance,
        ledger.living('keypair').filter((one) => one.user === user.name),
      )
    : undefined;
  const nics = port !== undefined ? [{ port: port.id }] : network !== undefined ? [{ uuid: network.id }] : 'none';
  const name = `server-${chance.below(1_000)}`;
  const body = {
    server: {
      name,
      imageRef: world.common.imageId,
      flavorRef: pickFrom(chance, world.common.flavorIds),
      networks: nics,
      ...(keyPair === undefined ? {} : { key_name: keyPair.id.split('/')[1] }),
      ...(chance.percent(10) ? { min_count: 1, max_count: 1 + chance.below(3) } : {}),
    },
    ...(group === undefined ? {} : { 'os:scheduler_hints': { group: group.id } }),
  };
  return make(
    moment,
    'server',
    { service: 'compute', line: 'POST /v2.1/servers', body },
    { read: (answer) => answer.server.id },
  );
}

/** An action; `outcome` is what the server may be shown as after it, if it says so at all. */
const action =
  (body: (moment: Moment) => object, ...outcome: readonly string[]) =>
  async (moment: Moment): Promise<string | undefined> => {
    const server = pickEntry(moment, 'server');
    if (server === undefined) return undefined;
    const asked = body(moment);
    const line = `POST /v2.1/servers/${server.id}/action`;
    if (outcome.length > 0)
      return change(moment, server, { service: 'compute', line, body: asked }, { status: outcome });
    return told(line, asked, await moment.world.ask(moment.user, 'compute', line, asked));
  };

async function deleteServer(moment: Moment): Promise<string | undefined> {
  const server = pickEntry(moment, 'server');
  if (server === undefined) return undefined;
  return remove(moment, server, { service: 'compute', line: `DELETE /v2.1/servers/${server.id}` });
}

async function renameServer(moment: Moment): Promise<string | undefined> {
  const server = pickEntry(moment, 'server');
  if (server === undefined) return undefined;
  const name = `renamed-${moment.chance.below(1_000)}`;
  const line = `PUT /v2.1/servers/${server.id}`;
  return change(moment, server, { service: 'compute', line, body: { server: { name } } }, { name });
}

async function attach(moment: Moment): Promise<string | undefined> {
  const { chance, ledger, user } = moment;
  const server = pickEntry(moment, 'server');
  if (server === undefined) return undefined;
  const port = chance.percent(50) ? pickFrom(chance, ledger.living('port', user.project)) : undefined;
  const network = pickFrom(chance, ledger.living('network', user.project));
  if (port === undefined && network === undefined) return undefined;
  const body = { interfaceAttachment: port !== undefined ? { port_id: port.id } : { net_id: network?.id } };
  const line = `POST /v2.1/servers/${server.id}/os-interface`;
  return told(line, body, await moment.world.ask(user, 'compute', line, body));
}

async function detach(moment: Moment): Promise<string | undefined> {
  const { chance, user, world } = moment;
  const server = pickEntry(moment, 'server');
  if (server === undefined) return undefined;
  const all = `/v2.1/servers/${server.id}/os-interface`;
  const found = await world.ask(user, 'compute', `GET ${all}`);
  const ports: { port_id: string }[] = found?.status === 200 ? found.body.interfaceAttachments : [];
  const port = pickFrom(chance, ports);
  if (port === undefined) return undefined;
  const line = `DELETE ${all}/${port.port_id}`;
  return told(line, undefined, await world.ask(user, 'compute', line));
}

async function createKeyPair(moment: Moment): Promise<string | undefined> {
  const { chance, user } = moment;
  const name = `key-${chance.below(6)}`;
  const body = { keypair: { name, public_key: PUBLIC_KEY } };
  return make(
    moment,
    'keypair',
    { service: 'compute', line: 'POST /v2.1/os-keypairs', body },
    { read: () => `${user.name}/${name}` },
  );
}

async function deleteKeyPair(moment: Moment): Promise<string | undefined> {
  const { chance, ledger, user } = moment;
  const found = pickFrom(
    chance,
    ledger.living('keypair').filter((one) => one.user === user.name),
  );
  if (found === undefined) return undefined;
  return remove(moment, found, { service: 'compute', line: `DELETE /v2.1/os-keypairs/${found.id.split('/')[1]}` });
}

async function createServerGroup(moment: Moment): Promise<string | undefined> {
  const { chance, ledger, user } = moment;
  if (ledger.living('server-group', user.project).length > 2) return undefined;
  const policy = pickFrom(chance, ['affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity']);
  const body = { server_group: { name: `group-${chance.below(100)}`, policy } };
  const asked = { service: 'compute', line: 'POST /v2.1/os-server-groups', body };
  return make(moment, 'server-group', asked, { read: (answer) => answer.server_group.id });
}

async function deleteServerGroup(moment: Moment): Promise<string | undefined> {
  const group = pickEntry(moment, 'server-group');
  if (group === undefined) return undefined;
  return remove(moment, group, { service: 'compute', line: `DELETE /v2.1/os-server-groups/${group.id}` });
}

async function setQuota(moment: Moment): Promise<string | undefined> {
  const { chance, world } = moment;
  const [admin] = world.users;
  if (admin === undefined) return undefined;
  const body = { quota_set: { instances: 2 + chance.below(10), cores: 4 + chance.below(20) } };
  const line = `PUT /v2.1/os-quota-sets/${moment.user.projectId}`;
  return told(line, body, await world.ask(admin, 'compute', line, body));
}

async function lookAround(moment: Moment): Promise<string | undefined> {
  const { chance, user, world } = moment;
  const server = pickEntry(moment, 'server');
  const lines = ['GET /v2.1/servers/detail', 'GET /v2.1/limits', 'GET /v2.1/os-server-groups'];
  if (server !== undefined)
    lines.push(
      `GET /v2.1/servers/${server.id}/diagnostics`,
      `GET /v2.1/servers/${server.id}/os-instance-actions`,
      `GET /v2.1/servers/${server.id}/os-security-groups`,
    );
  const line = pickFrom(chance, lines) ?? '';
  return told(line, undefined, await world.ask(user, 'compute', line));
}

const PUBLIC_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGfJbDvyTSa1gEh3J+o1h4fMbiKzE8mDbUNBcBc3VtYw somebody@example';

/** What users do with servers, and how often. */
export const serverOperations: readonly Weighted[] = [
  [12, 'create server', createServer],
  [6, 'delete server', deleteServer],
  [3, 'stop server', action(() => ({ 'os-stop': null }), 'SHUTOFF')],
  [4, 'start server', action(() => ({ 'os-start': null }), 'ACTIVE')],
  [3, 'reboot server', action(({ chance }) => ({ reboot: { type: chance.percent(50) ? 'SOFT' : 'HARD' } }), 'ACTIVE')],
  [1, 'pause server', action(() => ({ pause: null }), 'PAUSED')],
  [2, 'unpause server', action(() => ({ unpause: null }), 'ACTIVE')],
  [1, 'suspend server', action(() => ({ suspend: null }), 'SUSPENDED')],
  [2, 'resume server', action(() => ({ resume: null }), 'ACTIVE')],
  [
    2,
    'resize server',
    action(
      ({ chance, world }) => ({ resize: { flavorRef: pickFrom(chance, world.common.flavorIds) } }),
      'VERIFY_RESIZE',
      'ACTIVE',
      'SHUTOFF',
    ),
  ],
  [3, 'confirm resize', action(() => ({ confirmResize: null }), 'ACTIVE', 'SHUTOFF')],
  [2, 'revert resize', action(() => ({ revertResize: null }), 'ACTIVE', 'SHUTOFF')],
  [2, 'rebuild server', action(({ world }) => ({ rebuild: { imageRef: world.common.imageId } }), 'ACTIVE', 'SHUTOFF')],
  [1, 'rescue server', action(() => ({ rescue: {} }), 'RESCUE')],
  [2, 'unrescue server', action(() => ({ unrescue: null }), 'ACTIVE')],
  [1, 'lock server', action(({ chance }) => (chance.percent(30) ? { lock: {} } : { unlock: null }))],
  [1, 'read console', action(() => ({ 'os-getConsoleOutput': { length: 10 } }))],
  [2, 'rename server', renameServer],
  [4, 'attach interface', attach],
  [3, 'detach interface', detach],
  [2, 'create keypair', createKeyPair],
  [1, 'delete keypair', deleteKeyPair],
  [1, 'create server group', createServerGroup],
  [1, 'delete server group', deleteServerGroup],
  [1, 'set compute quota', setQuota],
  [3, 'look around', lookAround],
];
