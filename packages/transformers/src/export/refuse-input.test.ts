import { link, mkdir, mkdtemp, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { refuseInput } from './refuse-input.js'
import { temporaryFolder } from './testing/folders.fixture.js'

const root = await temporaryFolder()

/** A folder that holds a folder "model" with two files. @returns the outer one */
async function aroundModel(): Promise<string> {
  const parent = await mkdtemp(join(root, 'case-'))
  await mkdir(join(parent, 'model'))
  for (const name of ['model.safetensors', 'config.json']) await writeFile(join(parent, 'model', name), name)
  return parent
}

/** What is looked at of a model; its weights may lie in a folder of their own. */
const refuse = (folder: string, out: string, weightsFolder = folder) =>
  refuseInput({ folder, checkpoint: { folder: weightsFolder } } as Parameters<typeof refuseInput>[0], out)

const isInput = (file: string) => ({ name: 'OutputError', code: 'OUTPUT_IS_INPUT', file })

describe('a file that is exported', () => {
  type Place = (model: string, other: string) => Promise<string>
  const linked =
    (make: (from: string, to: string) => Promise<void>): Place =>
    async (model, other) => {
      await make(join(model, 'model.safetensors'), other)
      return other
    }

  test.each<readonly [string, Place]>([
    ['the weights', async (model) => join(model, 'model.safetensors')],
    ['a file beside them', async (model) => join(model, 'config.json')],
    ['a hard link to one', linked(link)],
    ['a symbolic link to one', linked(symlink)],
  ])('takes not the place of %s', async (_, place) => {
    const parent = await aroundModel()
    const out = await place(join(parent, 'model'), join(parent, 'other'))
    await expect(refuse(join(parent, 'model'), out)).rejects.toMatchObject(isInput(out))
  })

  test('nor that of weights in a folder of their own', async () => {
    const [parent, other] = [await aroundModel(), await aroundModel()]
    const out = join(other, 'model', 'model.safetensors')
    const exported = refuse(join(parent, 'model'), out, join(other, 'model'))
    await expect(exported).rejects.toMatchObject(isInput(out))
  })

  test('may be new, another one, or an older export beside the model', async () => {
    const parent = await aroundModel()
    const model = join(parent, 'model')
    for (const path of [join(parent, 'other.gguf'), join(model, 'model.gguf')]) await writeFile(path, '')
    for (const out of [join(parent, 'new.gguf'), join(parent, 'other.gguf'), join(model, 'model.gguf')]) {
      await refuse(model, out)
    }
  })
})

describe('a folder that is exported', () => {
  test('is not that of the model, a link to it, or one around it', async () => {
    const parent = await aroundModel()
    const model = join(parent, 'model')
    await symlink(model, join(parent, 'link'))
    for (const out of [model, join(parent, 'link'), parent]) {
      await expect(refuse(model, out)).rejects.toMatchObject(isInput(out))
    }
    const dotted = join(parent, '..model')
    await rename(model, dotted)
    await expect(refuse(dotted, parent)).rejects.toMatchObject(isInput(parent))
  })

  test('may lie beside the model, also where its name begins alike, or within', async () => {
    const parent = await aroundModel()
    for (const name of ['model-onnx', join('model', 'onnx')]) {
      await mkdir(join(parent, name))
      await refuse(join(parent, 'model'), join(parent, name))
    }
  })
})
