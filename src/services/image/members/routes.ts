import { Type } from 'typebox';
import { Reply, type Route, route } from '#kernel/api/route.ts';
import { createMember, listMembers, type MemberDeps, removeMember, setMemberStatus, showMember } from './logic.ts';
import { viewMember } from './view.ts';

const MEMBERS = '/v2/images/:imageId/members';
const MEMBER = `${MEMBERS}/:memberId`;

export const memberRoutes = (deps: MemberDeps): Route[] => [
  route({
    method: 'GET',
    path: MEMBERS,
    name: 'listImageMembers',
    documents: () => ({ policies: ['get_members'] }),
    handler: async ({ ctx, params }) => ({
      members: (await listMembers(deps, ctx, params['imageId'] ?? '')).map(viewMember),
      schema: '/v2/schemas/members',
    }),
  }),
  route({
    method: 'POST',
    path: MEMBERS,
    name: 'createImageMember',
    documents: () => ({ policies: ['add_member'] }),
    body: Type.Any(),
    handler: async ({ ctx, params, body }) => viewMember(await createMember(deps, ctx, params['imageId'] ?? '', body)),
  }),
  route({
    method: 'GET',
    path: MEMBER,
    name: 'showImageMember',
    documents: () => ({ policies: ['get_member'] }),
    handler: async ({ ctx, params }) =>
      viewMember(await showMember(deps, ctx, params['imageId'] ?? '', params['memberId'] ?? '')),
  }),
  route({
    method: 'PUT',
    path: MEMBER,
    name: 'updateImageMember',
    documents: () => ({ policies: ['modify_member'] }),
    body: Type.Any(),
    handler: async ({ ctx, params, body }) =>
      viewMember(await setMemberStatus(deps, ctx, params['imageId'] ?? '', params['memberId'] ?? '', body)),
  }),
  route({
    method: 'DELETE',
    path: MEMBER,
    name: 'deleteImageMember',
    documents: () => ({ policies: ['delete_member'] }),
    handler: async ({ ctx, params }) => {
      await removeMember(deps, ctx, params['imageId'] ?? '', params['memberId'] ?? '');
      return new Reply({ status: 204 });
    },
  }),
];
