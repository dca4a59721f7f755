import type { PolicyRule } from '#kernel/auth/policy.ts';

const OWN_MEMBER = 'role:member and project_id:%(project_id)s';
const OWN_READER = 'role:reader and project_id:%(project_id)s';
const IS_IMAGE_MEMBER = 'project_id:%(member_id)s';
const IS_VISIBLE = `project_id:%(project_id)s or ${IS_IMAGE_MEMBER} or 'community':%(visibility)s or 'public':%(visibility)s or 'shared':%(visibility)s`;

const MEMBER = `role:admin or (${OWN_MEMBER})`;
const READER = `role:admin or (${OWN_READER})`;
const READER_OR_IMAGE_MEMBER = `role:admin or (role:reader and (project_id:%(project_id)s or ${IS_IMAGE_MEMBER}))`;
const READER_OR_PUBLIC_NAMESPACE = `role:admin or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))`;
const ADMIN = 'role:admin';

const inProject = (name: string, check: string, description: string): PolicyRule => ({
  name,
  check,
  scopes: ['project'],
  description,
});

const imageRules: readonly PolicyRule[] = [
  { name: 'default', check: '', description: 'Rules that are not named otherwise' },
  { name: 'context_is_admin', check: ADMIN, description: 'Who counts as an administrator of the image service' },
  inProject('add_image', `role:admin or (${OWN_MEMBER} and project_id:%(owner)s)`, 'Create new image'),
  inProject('delete_image', MEMBER, 'Deletes the image'),
  inProject('get_image', `role:admin or (role:reader and (${IS_VISIBLE}))`, 'Get specified image'),
  inProject('get_images', READER, 'Get all available images'),
  inProject('modify_image', MEMBER, 'Updates given image'),
  inProject('publicize_image', ADMIN, 'Publicize given image'),
  inProject('communitize_image', MEMBER, 'Communitize given image'),
  inProject('download_image', `role:admin or (role:member and (${IS_VISIBLE}))`, 'Downloads given image'),
  inProject('upload_image', MEMBER, 'Uploads data to specified image'),
  // The real service's new rule is the administrator's; what it enforces by default is the older one beside it, the owner's.
  inProject('delete_image_location', MEMBER, 'Deletes the location of given image'),
  inProject('get_image_location', READER, 'Reads the location of the image'),
  inProject('set_image_location', MEMBER, 'Sets location URI to given image'),
  inProject('add_member', MEMBER, 'Create image member'),
  inProject('delete_member', MEMBER, 'Delete image member'),
  inProject('get_member', READER_OR_IMAGE_MEMBER, 'Show image member details'),
  inProject('get_members', READER_OR_IMAGE_MEMBER, 'List image members'),
  inProject('modify_member', `role:admin or (role:member and ${IS_IMAGE_MEMBER})`, 'Update image member'),
  inProject('manage_image_cache', ADMIN, 'Manage image cache'),
  inProject('deactivate', MEMBER, 'Deactivate image'),
  inProject('reactivate', MEMBER, 'Reactivate image'),
  inProject('copy_image', ADMIN, 'Copy existing image to other stores'),
  inProject('stores_info_detail', ADMIN, 'Expose store specific information'),
  inProject('cache_image', ADMIN, 'Queue image for caching'),
  inProject('cache_list', ADMIN, 'List cache status'),
  inProject('cache_delete', ADMIN, 'Delete image(s) from cache and/or queue'),
  inProject('get_task', 'rule:default', 'Get an image task'),
  inProject('get_tasks', 'rule:default', 'List tasks for all images'),
  inProject('add_task', 'rule:default', 'Add an image task'),
  inProject('modify_task', 'rule:default', 'This policy is not used'),
  inProject('tasks_api_access', ADMIN, 'All of the tasks API'),
];

const readNamespace = ['namespace', 'object', 'resource_type', 'property', 'tag'].map((noun) =>
  inProject(`get_metadef_${noun}`, READER_OR_PUBLIC_NAMESPACE, `Get a specific ${noun} of a namespace`),
);
const listNamespace = ['objects', 'properties', 'tags'].map((nouns) =>
  inProject(`get_metadef_${nouns}`, READER_OR_PUBLIC_NAMESPACE, `List available ${nouns}`),
);
const changeNamespace = [
  'modify_metadef_namespace',
  'add_metadef_namespace',
  'delete_metadef_namespace',
  'modify_metadef_object',
  'add_metadef_object',
  'delete_metadef_object',
  'add_metadef_resource_type_association',
  'remove_metadef_resource_type_association',
  'modify_metadef_property',
  'add_metadef_property',
  'remove_metadef_property',
  'add_metadef_tag',
  'add_metadef_tags',
  'modify_metadef_tag',
  'delete_metadef_tag',
  'delete_metadef_tags',
].map((name) => inProject(name, 'rule:metadef_admin', 'Change metadata definitions'));

/**
 * The image service's rules with their defaults.
 * @see https://docs.openstack.org/glance/zed/configuration/sample-policy.html
 */
export const imagePolicyRules: readonly PolicyRule[] = [
  ...imageRules,
  { name: 'metadef_default', check: '', description: 'Rules of metadata definitions that are not named otherwise' },
  { name: 'metadef_admin', check: ADMIN, description: 'Who may change metadata definitions' },
  ...readNamespace,
  inProject('get_metadef_namespaces', READER, 'List available namespaces'),
  ...listNamespace,
  inProject('list_metadef_resource_types', READER_OR_PUBLIC_NAMESPACE, 'List available resource types'),
  ...changeNamespace,
];

/** The sentence of a refusal, as clients know it. */
export function imageRefusal(rule: string): string {
  return `You are not authorized to complete ${rule} action.`;
}
