import { type Route, route } from '#kernel/api/route.ts';
import type { NetworkDeps } from '../deps.ts';
import { badBody } from '../errors.ts';
import { actOn } from '../resources/actions.ts';
import { asObject } from '../resources/body.ts';
import { showItem } from '../resources/operations.ts';
import { AnyBody } from '../resources/schema.ts';
import * as t from '../resources/types.ts';
import { changeAddresses } from './logic.ts';
import { addressGroupResource } from './resource.ts';

/** The reference has them under `address-group`, the real service and its clients under `address-groups`. */
export const addressGroupRoutes = (deps: NetworkDeps): Route[] =>
  (['address-groups', 'address-group'] as const).flatMap((noun) =>
    (['add', 'remove'] as const).map((verb) =>
      route({
        method: 'PUT',
        path: `/v2.0/${noun}/:id/${verb}_addresses`,
        name: `${verb}Addresses${noun === 'address-group' ? 'Singular' : ''}`,
        body: AnyBody,
        handler: async ({ ctx, params, body }) => {
          const addresses = readAddresses(body);
          const action = { id: params['id'] ?? '', rule: 'update_address_group' };
          await actOn(deps, addressGroupResource, ctx, action, (write) =>
            changeAddresses(write, action.id, verb, addresses),
          );
          return { address_group: await showItem(deps, addressGroupResource, ctx, action.id, []) };
        },
      }),
    ),
  );

function readAddresses(body: unknown): readonly string[] {
  const given = asObject(body);
  const list = given?.['addresses'] ?? asObject(given?.['address_group'])?.['addresses'];
  return t.list(t.addressOrCidr).read(list ?? undefined, (reason) => {
    throw badBody(`Invalid input for addresses. Reason: ${reason}.`);
  });
}
