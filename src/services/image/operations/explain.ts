/** Why an image is as it is: who writes to it, which import brings its data. */
import type { Db } from '#kernel/db/database.ts';
import type { ImageId } from '#kernel/ids.ts';
import {
  type Explanation,
  type PastWork,
  pastTask,
  type Wait,
  type Words,
  waitForTask,
} from '#kernel/operations/explanation.ts';
import type { Tasks } from '#kernel/tasks/task.ts';
import { findImage, type Image } from '../images/store.ts';
import type { ImageTables } from '../images/tables.ts';
import { WRITER_MS } from '../images/upload.ts';
import { listTasksOfImage } from '../tasks/store.ts';
import type { ImageTaskRow, ImageTaskTables } from '../tasks/tables.ts';

export interface ExplainDeps {
  readonly db: Db<ImageTables & ImageTaskTables>;
  readonly tasks: Tasks;
}

const MAX_PAST = 10;
const TASK_WORDS: Words = { en: 'its data to be brought in', zh: '正在导入数据' };

/** An image; undefined when the id is of none. */
export async function explainImage(deps: ExplainDeps, id: string): Promise<Explanation | undefined> {
  const image = await findImage(deps.db, id as ImageId);
  if (image === undefined) return undefined;
  const { row } = image;
  const tasks = await deps.tasks.listUnfinished(deps.db as Db, id);
  const waits = [...tasks.map((task) => waitForTask(task, TASK_WORDS)), ...waitsForWriters(image, tasks.length > 0)];
  const shown = (await listTasksOfImage(deps.db, id)).filter(({ expires_at }) => expires_at !== null).map(pastImport);
  const past = (await deps.tasks.listFinished(deps.db as Db, id, MAX_PAST)).map(pastTask);
  return {
    type: 'image.image',
    id,
    name: row.name,
    projectId: row.owner,
    state: row.status,
    isFinal: waits.every(({ owner }) => owner.kind === 'user'),
    waits,
    history: [...past, ...shown].toSorted((a, b) => b.startedAt - a.startedAt).slice(0, MAX_PAST),
    nextStep: nextStepOf(image, waits),
  };
}

function waitsForWriters({ row }: Image, hasTask: boolean): Wait[] {
  const given = { nextTryAt: null, attempts: 0, lastFailure: null };
  if (row.writer !== null)
    return [
      {
        ...given,
        what: { en: 'its data to be uploaded', zh: '等待数据上传完成' },
        since: row.updated_at,
        // it moves this on while it works; after it the image is queued again
        until: row.writer_until,
        owner: { kind: 'writer', writer: row.writer },
      },
    ];
  if (hasTask) return [];
  if (row.status === 'queued')
    return [
      {
        ...given,
        what: { en: 'its user to upload or import its data', zh: '等待用户上传或导入数据' },
        since: row.updated_at,
        until: null,
        owner: { kind: 'user' },
      },
    ];
  if (row.status === 'uploading')
    return [
      {
        ...given,
        what: { en: 'its user to import the staged data', zh: '等待用户导入已暂存的数据' },
        since: row.updated_at,
        until: null,
        owner: { kind: 'user' },
      },
    ];
  return [];
}

function pastImport(task: ImageTaskRow): PastWork {
  return {
    what: task.type,
    startedAt: task.created_at,
    endedAt: task.updated_at,
    outcome: task.status === 'success' ? 'done' : 'failed',
    step: null,
    failure: task.status === 'failure' ? { code: 'image.import.failed', message: task.message } : null,
    requestId: task.request_id,
  };
}

function nextStepOf({ row }: Image, waits: readonly Wait[]): Words {
  const [first] = waits;
  if (first === undefined) return { en: 'nothing: it is at rest', zh: '无需操作：它处于静止状态' };
  if (first.owner.kind === 'user')
    return row.status === 'queued'
      ? {
          en: `upload its data (glance image-upload --file … ${row.id}), import it, or delete it`,
          zh: `上传（glance image-upload ${row.id}）、导入，或删除它`,
        }
      : {
          en: `import it (glance image-import ${row.id}), or drop what is staged: pileus cancel ${row.id}`,
          zh: `导入（glance image-import ${row.id}），或丢弃暂存数据：pileus cancel ${row.id}`,
        };
  return {
    en: `wait (a writer that has died is noticed within ${(WRITER_MS / 1000).toFixed(0)} s); or end it: pileus cancel ${row.id}`,
    zh: `等待（写入者失效会在 ${(WRITER_MS / 1000).toFixed(0)} 秒内发现）；或结束：pileus cancel ${row.id}`,
  };
}
