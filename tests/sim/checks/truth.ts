/** What users were told against what they find. */
import type { Entry } from '../ledger.ts';
import { memberOf, pathOf } from '../workload/networks.ts';
import type { SimAnswer, World } from '../world.ts';
import type { Check } from './check.ts';

function whereIs(entry: Entry): readonly [service: string, path: string, member: string | undefined] {
  switch (entry.kind) {
    case 'server':
      return ['compute', `/v2.1/servers/${entry.id}`, 'server'];
    case 'keypair':
      return ['compute', `/v2.1/os-keypairs/${entry.id.split('/')[1]}`, 'keypair'];
    case 'server-group':
      return ['compute', `/v2.1/os-server-groups/${entry.id}`, 'server_group'];
    case 'image':
      return ['image', `/v2/images/${entry.id}`, undefined];
    default:
      return ['network', pathOf(entry), memberOf(entry.kind)];
  }
}

/** Asks as the owner, and as nobody is in the way now, insists on an answer. */
async function show(world: World, entry: Entry): Promise<SimAnswer> {
  const owner = world.users.find(({ name }) => name === entry.user);
  const [service, path] = whereIs(entry);
  const answer = await world.during(world.ask(owner ?? null, service, `GET ${path}`));
  if (answer === undefined) throw new Error(`no answer to GET ${path}`);
  return answer;
}

export const truthChecks: readonly Check[] = [
  {
    name: 'what users were told is true',
    when: 'at rest',
    async look({ world, ledger }) {
      const broken: string[] = [];
      for (const entry of ledger.entries.values()) {
        const expected = ledger.expected(entry);
        const answer = await show(world, entry);
        const what = `${entry.kind} ${entry.id}`;
        if (answer.status !== 200 && answer.status !== 404) broken.push(`${what} cannot be shown: ${answer.text}`);
        if (expected === 'there' && answer.status === 404) broken.push(`${what} was made and is not there`);
        if (expected === 'gone' && answer.status === 200) broken.push(`${what} was deleted and is there`);
        if (answer.status === 404) {
          // nobody needs to look at it again
          ledger.entries.delete(entry.id);
          continue;
        }
        const [, , member] = whereIs(entry);
        const shown = member === undefined ? answer.body : answer.body[member];
        for (const name of entry.fields.keys()) {
          const possible = ledger.possible(entry, name);
          // what a server could not do is said by its fault
          if (name === 'status' && shown['status'] === 'ERROR' && shown['fault'] !== undefined) continue;
          if (possible !== undefined && !possible.flat().includes(shown[name]))
            broken.push(`${what} shows ${name} ${JSON.stringify(shown[name])}, not ${JSON.stringify(possible)}`);
        }
      }
      return broken;
    },
  },
  {
    name: 'a request that was refused changed nothing, and none failed without a reason',
    when: 'always',
    look: ({ world }) => world.brokenByRequests,
  },
];
