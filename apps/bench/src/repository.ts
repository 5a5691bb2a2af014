import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** A path of the repository, from its root; the same for sources and for what is built from them. */
export const repositoryPath = (path: string): string =>
  join(dirname(createRequire(import.meta.url).resolve('#package.json')), '../..', path)
