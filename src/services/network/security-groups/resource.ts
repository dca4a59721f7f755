import type { Db } from '#kernel/db/database.ts';
import { defineResource } from '../resources/resource.ts';
import { shown } from '../resources/types.ts';
import type { NetworkTables } from '../tables.ts';
import {
  createRule,
  createSecurityGroup,
  deleteSecurityGroup,
  prepareGroups,
  removeRule,
  updateSecurityGroup,
} from './logic.ts';
import { securityGroupAttributes, securityGroupRuleAttributes } from './schema.ts';
import {
  listSecurityGroupsById,
  ruleNotFound,
  securityGroupNotFound,
  securityGroupRuleSource,
  securityGroupSource,
} from './store.ts';
import { viewRules, viewSecurityGroups } from './view.ts';

export const securityGroupResource = defineResource({
  singular: 'security_group',
  plural: 'security_groups',
  attributes: securityGroupAttributes,
  source: securityGroupSource,
  notFound: securityGroupNotFound,
  view: viewSecurityGroups,
  beforeList: prepareGroups,
  create: createSecurityGroup,
  update: updateSecurityGroup,
  remove: deleteSecurityGroup,
});

export const securityGroupRuleResource = defineResource({
  singular: 'security_group_rule',
  plural: 'security_group_rules',
  attributes: securityGroupRuleAttributes,
  source: securityGroupRuleSource,
  quota: 'security_group_rule',
  notFound: ruleNotFound,
  view: viewRules,
  target: groupTarget,
  targetFields: ['security_group_id'],
  beforeList: prepareGroups,
  create: createRule,
  remove: removeRule,
});

/** Who owns the rule's group. */
async function groupTarget(
  db: Db<NetworkTables>,
  item: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  const group = (await listSecurityGroupsById(db, [shown(item['security_group_id'])]))[0];
  return group === undefined ? {} : { 'security_group:project_id': group.project_id };
}
