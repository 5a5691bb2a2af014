import type { Stats } from 'node:fs'

/**
 * True for a file or folder that somebody else than root and the `owners` can write. Many systems give every user a group of
 * the same number, with nobody else in it: what it may write, its user alone can.
 *
 * False on Windows, where modes say nothing, and profiles and program folders are closed to others.
 */
export function othersCanWrite(
  { mode, uid, gid }: Pick<Stats, 'mode' | 'uid' | 'gid'>,
  owners: readonly (number | undefined)[] = [process.getuid?.()],
): boolean {
  if (process.platform === 'win32') return false
  if (uid !== 0 && !owners.includes(uid)) return true
  const byGroup = (mode & 0o020) !== 0 && gid !== uid
  return byGroup || (mode & 0o002) !== 0
}
