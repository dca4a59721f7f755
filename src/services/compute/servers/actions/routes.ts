import { type TSchema, Type } from 'typebox';
import { parseMicroversion } from '#kernel/api/microversion.ts';
import { type ApiRequest, Reply, type Route, route } from '#kernel/api/route.ts';
import { before, since } from '#kernel/api/schema.ts';
import { createValidator, type Validator } from '#kernel/api/validate.ts';
import { BadRequest } from '#kernel/errors.ts';
import type { ComputeDeps } from '../../deps.ts';
import { computeErrorStyle } from '../../error-style.ts';
import type { ServerAction } from './action.ts';
import { adminActions } from './admin.ts';
import { guestActions } from './console.ts';
import { imageActions } from './images.ts';
import { missingActions } from './missing.ts';
import { powerActions } from './power.ts';
import { rebuildAction } from './rebuild.ts';
import { rescueActions } from './rescue.ts';
import { resizeActions } from './resize.ts';
import { securityGroupActions } from './security-groups.ts';
import { shelveActions } from './shelve.ts';

/** User data, as with a new server. */
const MAX_ACTION_BYTES = 256 * 1024;

interface Prepared extends ServerAction {
  readonly check: Validator | undefined;
}

/** `POST /servers/{id}/action`: the one member of the body says what is to be done. */
export const serverActionRoutes = (deps: ComputeDeps, more: readonly ServerAction[] = []): Route[] => {
  const actions: Prepared[] = [
    ...powerActions(deps),
    ...adminActions(deps),
    ...guestActions(deps),
    rebuildAction(deps),
    ...resizeActions(deps),
    ...rescueActions(deps),
    ...imageActions(deps),
    ...shelveActions(deps),
    ...securityGroupActions(deps),
    ...missingActions(deps),
    ...more,
  ].map((action) => ({ ...action, check: checkOf(action) }));
  return [
    route({
      method: 'POST',
      path: '/servers/:serverId/action',
      name: 'runServerAction',
      body: bodyOf(actions),
      documents: () => ({ body: Type.Union(actions.map(describeAction)) }),
      maxBodyBytes: MAX_ACTION_BYTES,
      status: 202,
      handler: (request) => runAction(actions, request),
    }),
  ];
};

/** Every member that there is; which one is there, and its shape, is looked at by {@link runAction}. */
function bodyOf(actions: readonly ServerAction[]): TSchema {
  const members = actions.map(({ name }) => [name, Type.Optional(Type.Unknown())]);
  return Type.Object(Object.fromEntries(members), { additionalProperties: true });
}

/** One of the bodies, for documents: its member, and the microversions that have it. */
function describeAction({ name, input, since: from, before: to }: ServerAction): TSchema {
  const body = Type.Object({ [name]: input ?? Type.Unknown() }, { title: name, additionalProperties: false });
  const begun = from === undefined ? body : since(from, body);
  return to === undefined ? begun : before(to, begun);
}

function checkOf({ name, input }: ServerAction): Validator | undefined {
  if (input === undefined) return undefined;
  return createValidator(Type.Object({ [name]: input }, { additionalProperties: false }), 'body');
}

/** @see nova/api/openstack/wsgi.py, Resource.get_method */
async function runAction(actions: readonly Prepared[], request: ApiRequest): Promise<unknown> {
  const body = request.body as Record<string, unknown>;
  const names = Object.keys(body);
  const [name] = names;
  if (name === undefined || names.length > 1)
    throw new BadRequest('compute.action.unknown', 'There is no such action: the body names exactly one.');
  const version = request.version ?? 0;
  const action = actions.find(
    (one) =>
      one.name === name &&
      (one.since === undefined || version >= parseMicroversion(one.since)) &&
      (one.before === undefined || version < parseMicroversion(one.before)),
  );
  if (action === undefined)
    throw new BadRequest('compute.action.unknown', `There is no such action: ${name.slice(0, 100)}`);
  const invalid = action.check?.(body, request.version);
  if (invalid !== undefined) throw computeErrorStyle.invalid('body', invalid);
  const answer = await action.run(request, request.params['serverId'] ?? '', body[name] as never);
  return answer instanceof Reply ? answer : new Reply({ status: action.status ?? 202, body: answer });
}
