import { Type } from 'typebox';
import { Reply, type Route, route } from '#kernel/api/route.ts';
import { BadRequest } from '#kernel/errors.ts';
import { fresh, type PlacementDeps } from '../deps.ts';
import { features } from '../microversions.ts';
import { CUSTOM_NAME } from '../shapes.ts';
import {
  createResourceClass,
  ensureResourceClass,
  listResourceClasses,
  removeResourceClass,
  renameResourceClass,
  requireClass,
} from './logic.ts';

const ClassBody = Type.Object(
  { name: Type.String({ pattern: CUSTOM_NAME, maxLength: 255 }) },
  { additionalProperties: false },
);

const view = (name: string): Record<string, unknown> => ({
  name,
  links: [{ rel: 'self', href: `/resource_classes/${name}` }],
});

const since = features.resourceClasses;

export const resourceClassRoutes = (deps: PlacementDeps): Route[] => [
  route({
    method: 'GET',
    path: '/resource_classes',
    name: 'listResourceClasses',
    policy: 'placement:resource_classes:list',
    since,
    handler: async (request) =>
      fresh(request, {
        body: { resource_classes: (await listResourceClasses(deps.db)).map(view) },
        modifiedAt: deps.clock.now().getTime(),
      }),
  }),
  route({
    method: 'POST',
    path: '/resource_classes',
    name: 'createResourceClass',
    policy: 'placement:resource_classes:create',
    since,
    body: ClassBody,
    handler: async (request) => {
      await createResourceClass(deps, request.body.name);
      return new Reply({
        status: 201,
        headers: { location: `${request.baseUrl}/resource_classes/${request.body.name}` },
      });
    },
  }),
  route({
    method: 'GET',
    path: '/resource_classes/:name',
    name: 'showResourceClass',
    policy: 'placement:resource_classes:show',
    since,
    handler: async (request) => {
      const name = request.params['name'] ?? '';
      await requireClass(deps.db, name);
      return fresh(request, { body: view(name), modifiedAt: deps.clock.now().getTime() });
    },
  }),
  route({
    method: 'PUT',
    path: '/resource_classes/:name',
    name: 'renameResourceClass',
    policy: 'placement:resource_classes:update',
    since,
    before: features.ensureResourceClass,
    body: ClassBody,
    handler: async (request) => {
      await renameResourceClass(deps, request.params['name'] ?? '', request.body.name);
      return view(request.body.name);
    },
  }),
  route({
    method: 'PUT',
    path: '/resource_classes/:name',
    name: 'ensureResourceClass',
    policy: 'placement:resource_classes:update',
    since: features.ensureResourceClass,
    handler: async (request) => {
      const name = request.params['name'] ?? '';
      if (!new RegExp(CUSTOM_NAME).test(name) || name.length > 255)
        throw new BadRequest(
          'placement.undefined_code',
          `JSON does not validate: '${name}' does not match '${CUSTOM_NAME}'`,
        );
      const isNew = await ensureResourceClass(deps, name);
      return new Reply({
        status: isNew ? 201 : 204,
        headers: { location: `${request.baseUrl}/resource_classes/${name}` },
      });
    },
  }),
  route({
    method: 'DELETE',
    path: '/resource_classes/:name',
    name: 'deleteResourceClass',
    policy: 'placement:resource_classes:delete',
    since,
    status: 204,
    handler: (request) => removeResourceClass(deps, request.params['name'] ?? ''),
  }),
];
