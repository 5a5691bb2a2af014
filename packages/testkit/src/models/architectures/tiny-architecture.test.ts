import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { readCheckpoint } from '../read-checkpoint.js'
import { writeCheckpoint } from '../write-checkpoint.js'
import { type ArchitectureName, architectureNames, tinyArchitecture } from './tiny-architecture.js'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-testkit-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Checkpoints that the Python library has written. */
const reference = (name: ArchitectureName) =>
  fileURLToPath(
    new URL(
      `../../../../../goldens/architectures/${name === 'mistral' ? 'mistral-window' : name}`,
      import.meta.url,
    ),
  )

const shapesOf = async (model: string) =>
  Object.fromEntries(
    (await readCheckpoint(model)).tensors.map(({ name, shape }) => [name, shape] as const).sort(),
  )

describe.each(architectureNames)('a tiny checkpoint of %s', (name) => {
  const model = join(reference(name), 'config.json')
  const json = JSON.parse(readFileSync(model, 'utf8')) as Record<string, unknown>
  const headSize = (json.head_dim as number | undefined) ?? 16
  const size = { hidden: 64, inner: 128, heads: 4, kvHeads: 2, headSize, vocabulary: 128, expertInner: 32 }
  const { layout, config } = tinyArchitecture(name, size)

  test('has the tensors that the Python library saves', async () => {
    const made = await writeCheckpoint(join(folder, name), layout, { config })
    expect(await shapesOf(made)).toEqual(await shapesOf(reference(name)))
  })

  test('says in config.json what the library says', () => {
    // The library leaves the head size out where it follows from other fields; the other two differ per golden.
    const { head_dim: _, rope_parameters: __, rms_norm_eps: ___, ...own } = config
    expect(json).toMatchObject(own)
  })
})
