import { type Route, route } from '#kernel/api/route.ts';
import type { NetworkDeps } from '../deps.ts';
import { badBody } from '../errors.ts';
import { actOn } from '../resources/actions.ts';
import { asObject } from '../resources/body.ts';
import { AnyBody } from '../resources/schema.ts';
import * as t from '../resources/types.ts';
import { changePrefixes } from './logic.ts';
import { subnetPoolResource } from './resource.ts';

export const subnetPoolRoutes = (deps: NetworkDeps): Route[] =>
  (['add', 'remove'] as const).map((verb) =>
    route({
      method: 'PUT',
      path: `/v2.0/subnetpools/:id/${verb}_prefixes`,
      name: `${verb}SubnetPoolPrefixes`,
      body: AnyBody,
      handler: async ({ ctx, params, body }) => {
        const prefixes = readPrefixes(body);
        const action = { id: params['id'] ?? '', rule: `${verb}_prefixes` };
        return {
          prefixes: await actOn(deps, subnetPoolResource, ctx, action, (write) =>
            changePrefixes(write, action.id, { [verb]: prefixes }),
          ),
        };
      },
    }),
  );

function readPrefixes(body: unknown): readonly string[] {
  return t.list(t.cidr, 256).read(asObject(body)?.['prefixes'] ?? undefined, (reason) => {
    throw badBody(`Invalid input for prefixes. Reason: ${reason}.`);
  });
}
