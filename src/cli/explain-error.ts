import { errorChain } from '#kernel/errors.ts';
import { type Words, words } from './language.ts';

/** What the system's errors that people meet mean, and what helps. `at` is ` /the/path` or empty. */
const MEANINGS: Readonly<Record<string, (at: string) => Words>> = {
  EACCES: (at) => ({
    en: `no permission for${at || ' that'}: run this as its owner or as root (sudo), or name another place`,
    zh: `没有权限访问${at}：请以其所有者或 root（sudo）运行，或换一个位置`,
  }),
  EPERM: (at) => ({
    en: `the system does not allow that${at && ` for${at}`}: run this as root (sudo)`,
    zh: `系统不允许此操作${at && `：${at.trim()}`}；请以 root（sudo）运行`,
  }),
  EROFS: (at) => ({
    en: `${at.trim() || 'the place'} is on a file system that can only be read: name another place`,
    zh: `${at.trim() || '该位置'} 所在的文件系统是只读的：请换一个位置`,
  }),
  ENOSPC: (at) => ({
    en: `the disk${at && ` of${at}`} is full: make room (df -h shows where), then run this again`,
    zh: `${at ? `${at.trim()} 所在的` : ''}磁盘已满：请腾出空间（用 df -h 查看）后重试`,
  }),
  ENOENT: (at) => ({
    en: `there is no${at || ' such file or folder'}`,
    zh: `不存在${at || '该文件或目录'}`,
  }),
  EEXIST: (at) => ({
    en: `${at.trim() || 'what is there'} is a file where a folder is needed: name another place`,
    zh: `${at.trim() || '该位置'} 是文件，而这里需要目录：请换一个位置`,
  }),
  ENOTDIR: (at) => ({
    en: `a part of${at || ' that path'} is a file, not a folder: name another place`,
    zh: `路径${at} 中的某一级是文件而不是目录：请换一个位置`,
  }),
  EISDIR: (at) => ({
    en: `${at.trim() || 'that'} is a folder, and a file is needed`,
    zh: `${at.trim() || '该位置'} 是目录，而这里需要文件`,
  }),
  SQLITE_FULL: () => ({
    en: 'the disk of the database is full: make room (df -h shows where), then run this again',
    zh: '数据库所在的磁盘已满：请腾出空间（用 df -h 查看）后重试',
  }),
};

/**
 * An error as one sentence for people: what the system complains of by its code, in the terminal's language; anything else in
 * its own words and those of its causes.
 */
export function explainError(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return errorChain(error);
  const at = 'path' in error && typeof error.path === 'string' ? ` ${error.path}` : '';
  const meaning = MEANINGS[error.code];
  return meaning === undefined ? errorChain(error) : `${words(meaning(at))} (${error.code})`;
}
