import { describe, expect, it } from 'vitest';
import { renderExplanation, type ToldResource, timeAgo } from './render.ts';

const NOW = Date.parse('2026-01-01T00:10:00Z');
const TOLD: ToldResource = {
  type: 'compute.server',
  id: 's-1',
  name: 'web-1',
  project_id: 'p-1',
  state: 'BUILD (spawning)',
  is_final: false,
  waits: [
    {
      what: { en: 'its host to carry out: spawning', zh: '等待主机执行：spawning' },
      since: '2026-01-01T00:07:00Z',
      until: '2026-01-01T00:30:00Z',
      owner: {
        kind: 'agent',
        host: 'h1',
        is_up: false,
        last_seen_at: '2026-01-01T00:08:00Z',
        desired_revision: 7,
        reported_revision: 6,
      },
      next_try_at: null,
      attempts: 0,
      last_failure: null,
    },
  ],
  history: [],
  next_step: { en: 'wait', zh: '等待' },
};

describe('an explanation', () => {
  it('is one column of words and one of what they say, with times as people say them', () => {
    expect(renderExplanation(TOLD, NOW, 'en')).toBe(`compute.server web-1 s-1
state       BUILD (spawning) (under way)
waits for   its host to carry out: spawning
since       3 min ago
until       in 20 min
next step   the agent on h1: DOWN, last seen 2 min ago, has seen revision 6 of 7
→           wait
`);
  });

  it('speaks Chinese', () => {
    const text = renderExplanation(TOLD, NOW, 'zh');
    expect(text).toContain('h1 上的代理: 离线，最后联系于2 分钟前，已知修订 6/7');
    expect(timeAgo('2026-01-01T00:10:20Z', NOW, 'zh')).toBe('20 秒后');
  });
});
