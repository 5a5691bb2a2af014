import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { info, pair, rawGguf, text, u32, withFolder } from '../../attacks/raw-gguf.js'
import { openGgufCheckpoint } from '../index.js'

const u16 = (value: number) => u32(value).subarray(0, 2)

interface Part {
  readonly no?: number
  readonly count?: number
  readonly tensorCount?: number
  readonly tensors: readonly string[]
}

const part = ({ no = 0, count = 3, tensorCount = 3, tensors }: Part) =>
  rawGguf({
    pairs: [
      ...(no === 0 ? [pair('general.architecture', 8, text('llama'))] : []),
      pair('split.no', 2, u16(no)),
      pair('split.count', 2, u16(count)),
      pair('split.tensors.count', 5, u32(tensorCount)),
    ],
    infos: tensors.map((name, index) => info(name, 0, [1], index * 32)),
    data: new Uint8Array(64).fill(no),
  })

/** Three parts, the first without tensors. */
const PARTS: readonly Part[] = [{ tensors: [] }, { no: 1, tensors: ['a', 'b'] }, { no: 2, tensors: ['c'] }]
const nameOf = (number: number) => `model-0000${number}-of-00003.gguf`

async function withParts(
  changes: Readonly<Record<number, Partial<Part>>>,
  action: (folder: string) => Promise<void>,
) {
  await withFolder(async (folder) => {
    for (const [index, usual] of PARTS.entries()) {
      await writeFile(join(folder, nameOf(index + 1)), part({ ...usual, ...changes[index] }))
    }
    await action(folder)
  })
}

it.each([1, 3])('opens all parts of a model, named by part %i', (named) =>
  withParts({}, async (folder) => {
    await using model = await openGgufCheckpoint(join(folder, nameOf(named)))

    expect(model.files.map(({ path }) => path)).toEqual(
      [1, 2, 3].map((number) => join(folder, nameOf(number))),
    )
    expect([...model.tensors.keys()]).toEqual(['a', 'b', 'c'])
    expect(model.metadata.get('general.architecture')).toMatchObject({ value: 'llama' })
    const { file } = model.tensors.get('c')!
    expect(await file.read('c')).toEqual(Uint8Array.of(2, 2, 2, 2))
  }),
)

it('opens a file that is whole, whatever its name', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'model.bin')
    await writeFile(path, rawGguf({ infos: [info('a', 0, [1])], data: new Uint8Array(4) }))
    const model = await openGgufCheckpoint(path)

    expect(model.files).toHaveLength(1)
    await model.close()
    await expect(model.files[0]!.read('a')).rejects.toMatchObject({ code: 'GGUF_CLOSED' })
  }))

it.each([
  ['the number of another part', { 1: { no: 2 } }, 'GGUF_SPLIT_BAD', 2, /split.no 2, expected 1/],
  ['another number of parts', { 2: { count: 4 } }, 'GGUF_SPLIT_BAD', 3, /split.count 4, expected 3/],
  ['another sum of tensors', { 0: { tensorCount: 4 } }, 'GGUF_SPLIT_BAD', 1, /count 4, expected 3/],
  ['a tensor of another part', { 2: { tensors: ['b'] } }, 'GGUF_DUPLICATE_TENSOR', 3, /"b" is in .*00002/],
] as const)('refuses a part with %s', (_, changes, code, number, message) =>
  withParts(changes, async (folder) => {
    const refused = openGgufCheckpoint(join(folder, nameOf(1)))
    await expect(refused).rejects.toMatchObject({ code, message, file: join(folder, nameOf(number)) })
  }),
)

it('names the part that is missing', () =>
  withParts({}, async (folder) => {
    const path = join(folder, nameOf(2))
    await rm(path)
    await expect(openGgufCheckpoint(join(folder, nameOf(1)))).rejects.toMatchObject({
      code: 'GGUF_SPLIT_PART_MISSING',
      file: path,
      message: /00002-of-00003.gguf does not exist, but .*00001-of-00003.gguf is a part/,
    })
  }))

it.each([
  'model.gguf',
  'model-00001-of-00004.gguf',
  'model-00004-of-00003.gguf',
  'model-00000-of-00003.gguf',
])('refuses a part that is called %s: it does not say where the others are', (name) =>
  withFolder(async (folder) => {
    const path = join(folder, name)
    await writeFile(path, part({ tensors: [] }))
    await expect(openGgufCheckpoint(path)).rejects.toMatchObject({ code: 'GGUF_SPLIT_NAME', file: path })
  }),
)
