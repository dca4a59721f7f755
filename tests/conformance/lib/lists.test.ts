import { describe, expect, it } from 'vitest';
import { readNames, readSelector, requiredTests, selectTests } from './lists.ts';

const USERS = 'tempest.api.identity.v3.test_users.IdentityV3UsersTest.test_user_update_own_password[id-1]';
const FLAVORS = 'tempest.api.compute.flavors.test_flavors.FlavorsV2TestJSON.test_list_flavors[id-2,smoke]';
const DEAD = 'tempest.api.compute.admin.test_agents.AgentsAdminTestJSON.test_list_agents[id-3]';
const OBJECTS = 'tempest.api.object_storage.test_object_services.ObjectTest.test_create_object[id-4]';

describe('choosing tests', () => {
  it('takes what lives of the services that there are', () => {
    expect(selectTests([USERS, FLAVORS, DEAD, OBJECTS], [])).toEqual([USERS, FLAVORS]);
  });

  it('goes by service, by tag, by expression', () => {
    const picked = (...selectors: string[]): string[] => selectTests([USERS, FLAVORS], selectors);
    expect([picked('identity'), picked('smoke'), picked('own_pass', 'Flavors')]).toEqual([
      [USERS],
      [FLAVORS],
      [USERS, FLAVORS],
    ]);
  });

  it("knows an interop program by its list's name and by its own", () => {
    for (const name of ['powered-compute', 'OpenStack Powered Compute'])
      expect([DEAD, FLAVORS].map(readSelector(name))).toEqual([false, true]);
  });

  it('leaves out nothing as gone that an interop program requires', () => {
    const dead = readNames('lists/dead-in-zed');
    expect([...requiredTests()].filter((name) => dead.has(name))).toEqual([]);
  });
});
