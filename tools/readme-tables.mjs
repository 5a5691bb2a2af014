/**
 * Writes the lists of families in README.md anew, from those that are registered.
 *
 *   node tools/readme-tables.mjs          after a build
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { knownArchitectures } from '@hfquant/models'

/** README.md with the lists of families as they should be. */
export function withFamilies(text) {
  const lists = `Decoders: ${listOf('decoder')}\n\nEncoders: ${listOf('encoder')}`
  return text.replace(
    /(<!-- families -->\n).*?(<!-- \/families -->)/s,
    (_, begin, end) => `${begin}${lists}\n${end}`,
  )
}

/** Every model type of a family of encoders, whose types are known by different names; the first of a decoder's. */
function listOf(kind) {
  const types = knownArchitectures(kind)
    .flatMap(({ modelTypes }) => (kind === 'encoder' ? modelTypes : modelTypes.slice(0, 1)))
    .sort()
    .map((type) => `\`${type}\``)
  return `${types.slice(0, -1).join(', ')} and ${types.at(-1)}.`
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const path = join(dirname(fileURLToPath(import.meta.url)), '..', 'README.md')
  writeFileSync(path, withFamilies(readFileSync(path, 'utf8')))
}
