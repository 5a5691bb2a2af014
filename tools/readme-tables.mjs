/**
 * Writes the list of families in README.md anew, from those that are registered.
 *
 *   node tools/readme-tables.mjs          after a build
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { knownArchitectures } from '@hfquant/models'

/** README.md with the list of families as it should be. */
export function withFamilies(text) {
  const types = knownArchitectures('decoder')
    .map(({ modelTypes }) => modelTypes[0])
    .sort()
    .map((type) => `\`${type}\``)
  const list = `${types.slice(0, -1).join(', ')} and ${types.at(-1)}.`
  return text.replace(
    /(<!-- families -->\n).*?(<!-- \/families -->)/s,
    (_, begin, end) => `${begin}${list}\n${end}`,
  )
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const path = join(dirname(fileURLToPath(import.meta.url)), '..', 'README.md')
  writeFileSync(path, withFamilies(readFileSync(path, 'utf8')))
}
