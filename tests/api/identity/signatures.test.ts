/** Requests that were signed as for EC2 and S3, by the examples that Amazon publishes. */
import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, type Cloud, startCloud } from './cloud.ts';
import { idOf, stepsOf } from './steps.ts';

let cloud: Cloud;
let admin: string;
let projectId: string;
afterEach(() => cloud.close());

/** A cloud at the time of an example, in which the administrator has the example's keys. */
async function startAt(time: string, access: string, secret: string): Promise<void> {
  cloud = await startCloud({}, new Date(time));
  admin = await cloud.admin();
  const step = stepsOf(cloud, admin);
  projectId = await idOf(step, 'projects', 'admin');
  const blob = JSON.stringify({ access, secret });
  const credential = { type: 'ec2', user_id: await idOf(step, 'users', 'admin'), project_id: projectId, blob };
  await step('POST /v3/credentials', 201, { credential: { type: 'ec2' } }, { credential });
}
const send = (path: string, credentials: object): Promise<Answer> =>
  cloud.ask('POST', path, { token: admin, body: { credentials } });
const isIn = (answer: Answer) => expect([answer.status, answer.body.token?.project.id]).toEqual([200, projectId]);
const isOut = (answer: Answer) =>
  expect([answer.status, answer.body.error.message]).toEqual([
    401,
    'The request you have made requires authentication.',
  ]);

describe('EC2 requests of version 4', () => {
  const ACCESS = 'AKIDEXAMPLE';
  const DATE = '20150830T123600Z';
  const SCOPE = '20150830/us-east-1/iam/aws4_request';
  const SIGNED = 'content-type;host;x-amz-date';
  const given = (more: object = {}) => ({
    access: ACCESS,
    signature: '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    host: 'iam.amazonaws.com',
    verb: 'GET',
    path: '/',
    params: { Action: 'ListUsers', Version: '2010-05-08' },
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8',
      'X-Amz-Date': DATE,
      Authorization: `AWS4-HMAC-SHA256 Credential=${ACCESS}/${SCOPE}, SignedHeaders=${SIGNED}, Signature=5d67`,
    },
    body_hash: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    ...more,
  });

  it('as in Amazon’s example give a token, for a while and unchanged alone', async () => {
    await startAt('2015-08-30T12:36:00Z', ACCESS, 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY');
    const answer = await send('/v3/ec2tokens', given());
    isIn(answer);
    expect(answer.body.token.methods).toEqual(['ec2credential']);
    expect(answer.headers['x-subject-token']).toMatch(/./);
    const headers = given().headers;
    for (const changed of [
      { params: { Action: 'DeleteUser', Version: '2010-05-08' } },
      { verb: 'POST' },
      { path: '/x' },
      { host: 'ec2.amazonaws.com' },
      { body_hash: '0'.repeat(64) },
      { headers: { ...headers, 'X-Amz-Date': '20150830T124600Z' } },
      { signature: '' },
      { access: 'another' },
      // Without a time in what was signed it would be good for ever.
      { headers: { ...headers, 'X-Amz-Date': undefined } },
    ])
      isOut(await send('/v3/ec2tokens', given(changed)));
    await cloud.clock.advance(900_000);
    isIn(await send('/v3/ec2tokens', given()));
    await cloud.clock.advance(1);
    isOut(await send('/v3/ec2tokens', given()));
  });

  it('give none to a user that is disabled', async () => {
    await startAt('2015-08-30T12:36:00Z', ACCESS, 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY');
    const step = stepsOf(cloud, admin);
    // Another administrator asks, so that the first can be disabled.
    const other = (await step('POST /v3/users', 201, undefined, { user: { name: 'b', password: 'b' } })).body.user.id;
    await step(`PUT /v3/projects/${projectId}/users/${other}/roles/${await idOf(step, 'roles', 'admin')}`, 204);
    const me = await idOf(step, 'users', 'admin');
    const scope = { project: { id: projectId } };
    admin = await cloud.token({
      identity: { methods: ['password'], password: { user: { id: other, password: 'b' } } },
      scope,
    });
    await stepsOf(cloud, admin)(`PATCH /v3/users/${me}`, 200, undefined, { user: { enabled: false } });
    isOut(await send('/v3/ec2tokens', given()));
  });
});

describe('S3 requests', () => {
  it('of version 4 as in Amazon’s example give a token, for a while', async () => {
    const [access, secret] = ['AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'];
    await startAt('2013-05-24T00:00:00Z', access, secret);
    const lines = [
      'AWS4-HMAC-SHA256',
      '20130524T000000Z',
      '20130524/us-east-1/s3/aws4_request',
      '7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972',
    ];
    const token = Buffer.from(lines.join('\n')).toString('base64url');
    const signature = 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41';
    isIn(await send('/v3/s3tokens', { access, token, signature }));
    isOut(await send('/v3/s3tokens', { access, token, signature: signature.replace('f', '0') }));
    const elsewhere = Buffer.from(lines.join('\n').replace('/s3/', '/ec2/')).toString('base64url');
    isOut(await send('/v3/s3tokens', { access, token: elsewhere, signature }));
    await cloud.clock.advance(900_001);
    isOut(await send('/v3/s3tokens', { access, token, signature }));
  });

  it('of version 2 as in Amazon’s example give a token, for a while', async () => {
    const [access, secret] = ['AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'];
    await startAt('2007-03-27T19:36:42Z', access, secret);
    const text = 'GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/johnsmith/photos/puppy.jpg';
    const given = { access, token: Buffer.from(text).toString('base64'), signature: 'bWq2s1WEIj+Ydj0vQ697zp+IXMU=' };
    isIn(await send('/v3/s3tokens', given));
    isOut(await send('/v3/s3tokens', { ...given, token: Buffer.from(`${text}x`).toString('base64') }));
    await cloud.clock.advance(900_001);
    isOut(await send('/v3/s3tokens', given));
  });

  it('are taken from services alone: a presigned URL is no way to a token', async () => {
    const [access, secret] = ['a'.repeat(20), 's'.repeat(40)];
    await startAt('2026-01-01T00:00:00Z', access, secret);
    const text = 'GET\n\n\n1893456000\n/bucket/key';
    const signature = createHmac('sha1', secret).update(text).digest('base64');
    const body = { credentials: { access, token: Buffer.from(text).toString('base64'), signature } };
    expect((await cloud.ask('POST', '/v3/s3tokens', { body })).status).toBe(401);
    const step = stepsOf(cloud, admin);
    const user = (await step('POST /v3/users', 201, undefined, { user: { name: 'u', password: 'u' } })).body.user.id;
    await step(`PUT /v3/projects/${projectId}/users/${user}/roles/${await idOf(step, 'roles', 'member')}`, 204);
    const token = await cloud.token({
      identity: { methods: ['password'], password: { user: { id: user, password: 'u' } } },
      scope: { project: { id: projectId } },
    });
    expect((await cloud.ask('POST', '/v3/s3tokens', { token, body })).status).toBe(403);
    expect((await cloud.ask('POST', '/v3/ec2tokens', { token, body })).status).toBe(403);
  });
});
