import { type Static, Type } from 'typebox';
import type { RequestContext } from '#kernel/auth/context.ts';
import { BadRequest, NotFound } from '#kernel/errors.ts';
import type { ComputeDeps } from '../../deps.ts';
import { Name } from '../../fields.ts';
import { openServer, requireUnlocked } from '../access.ts';
import type { ServerAction } from './action.ts';

const GroupInput = Type.Object({ name: Name }, { additionalProperties: true });
type GroupInput = Static<typeof GroupInput>;

/** @see nova/api/openstack/compute/security_groups.py, SecurityGroupActionController */
export const securityGroupActions = (deps: ComputeDeps): ServerAction[] =>
  (['add', 'remove'] as const).map(
    (how): ServerAction => ({
      name: `${how}SecurityGroup`,
      input: GroupInput,
      async run({ ctx }, id, input: GroupInput) {
        const server = await openServer(deps, ctx, id, `os_compute_api:os-security-groups:${how}`);
        requireUnlocked(deps, ctx, server);
        await deps.network.changeServerSecurityGroup(id, { groupId: await findGroup(deps, ctx, input.name), how });
        return undefined;
      },
    }),
  );

/** @throws {NotFound} when there is none of the name. */
async function findGroup(deps: ComputeDeps, ctx: RequestContext, name: string): Promise<string> {
  const sentence = `Security group ${name} is not found for project ${ctx.projectId ?? ''}`;
  const absent = new NotFound('compute.security_group.absent', sentence);
  try {
    const [id] = await deps.network.findSecurityGroups(ctx, [name]);
    if (id === undefined) throw absent;
    return id;
  } catch (error) {
    // With a new server an unknown group is bad input; here it's the thing asked for.
    throw error instanceof BadRequest ? absent : error;
  }
}
