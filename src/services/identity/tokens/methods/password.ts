import { missing } from '../../errors.ts';
import { checkPassword } from '../../users/authenticate.ts';
import type { AuthMethod } from './method.ts';
import { findNamedUser } from './users.ts';

export const passwordMethod: AuthMethod = async (deps, auth) => {
  const named = auth.identity.password?.user;
  if (named === undefined) throw missing('user', 'password');
  const user = await findNamedUser(deps, named);
  return { userId: await checkPassword(deps, user, named.password) };
};
