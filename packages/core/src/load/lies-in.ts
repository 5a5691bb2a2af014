import { isAbsolute, relative, sep } from 'node:path'

/** True for a path below a folder, and for the folder itself. Compares names: links are to be followed before. */
export function liesIn(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}
