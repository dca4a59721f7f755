import { type Route, route } from '#kernel/api/route.ts';
import { NotFound } from '#kernel/errors.ts';
import { EXTENSIONS } from './extensions.ts';

const documents = EXTENSIONS.map(([alias, name, description]) => ({
  alias,
  description,
  links: [],
  name,
  namespace: 'http://docs.openstack.org/compute/ext/fake_xml',
  updated: '2014-12-03T00:00:00Z',
}));

/** @see https://docs.openstack.org/api-ref/compute/#extensions-extensions-deprecated */
export const extensionRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/extensions',
    name: 'listExtensions',
    policy: 'os_compute_api:extensions',
    handler: () => ({ extensions: documents }),
  }),
  route({
    method: 'GET',
    path: '/extensions/:alias',
    name: 'showExtension',
    policy: 'os_compute_api:extensions',
    handler: ({ params }) => {
      const extension = documents.find(({ alias }) => alias === params['alias']);
      if (extension === undefined) throw new NotFound('compute.extension.absent', 'The resource could not be found.');
      return { extension };
    },
  }),
];
