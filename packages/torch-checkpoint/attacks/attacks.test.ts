import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openTorchCheckpoint, openTorchFile, TorchCheckpointError } from '../src/index.js'
import { dict, pickle, tensor, text } from './build-pickle.js'
import { buildCheckpoint } from './build-zip.js'
import { hostileCalls } from './hostile-calls.js'
import { hostileLegacyFiles } from './hostile-legacy-files.js'
import { hostileTensors } from './hostile-tensors.js'
import { hostileValues } from './hostile-values.js'
import { hostileZips } from './hostile-zips.js'
import { withFile, withFolder } from './temporary-file.js'

const refusal = (promise: Promise<unknown>): Promise<TorchCheckpointError> =>
  promise.then(
    () => {
      throw new Error('the file was accepted')
    },
    (error: unknown) => {
      if (TorchCheckpointError.isInstance(error)) return error
      throw error
    },
  )

const expectRefused = (bytes: Uint8Array, code: string, message: RegExp) =>
  withFile(bytes, async (path) => {
    const error = await refusal(openTorchFile(path))
    expect(error).toMatchObject({ code, file: path, message })
    expect(error.message).toContain(path)
    expect(error.hint).not.toBe('')
  })

describe('a hostile archive is refused', () => {
  it.each(hostileZips)('$title: $code', ({ bytes, code, message }) => expectRefused(bytes(), code, message))
})

describe('a hostile pickle is refused', () => {
  it.each([...hostileCalls, ...hostileValues, ...hostileTensors])(
    '$title: $code',
    ({ bytes, code, message }) => expectRefused(buildCheckpoint(bytes()), code, message),
  )
})

describe('a hostile pre-zip file is refused', () => {
  it.each(hostileLegacyFiles)('$title: $code', ({ bytes, code, message }) =>
    expectRefused(bytes(), code, message),
  )
})

it('names the refused class in a field of its own, and says how to get a quantized model back', () =>
  withFile(
    buildCheckpoint(pickle([...new TextEncoder().encode('ctorchao.quantization\nFloat8FutureTensor\n')])),
    async (path) => {
      expect(await refusal(openTorchFile(path))).toMatchObject({
        refused: 'torchao.quantization.Float8FutureTensor',
        hint: expect.stringMatching(/Float8 recipes cannot.*quantization_config.*cheaper.*--quantize/),
      })
    },
  ))

describe('a hostile index is refused', () => {
  const indexes: readonly (readonly [title: string, code: string, text: string])[] = [
    ['a path upwards', 'INDEX_PATH_ESCAPES', '{"weight_map":{"w":"../model.bin"}}'],
    [
      'a path upwards in the other notation',
      'INDEX_PATH_ESCAPES',
      '{"weight_map":{"w":"a\\\\..\\\\..\\\\model.bin"}}',
    ],
    ['an absolute path', 'INDEX_PATH_ESCAPES', '{"weight_map":{"w":"/model.bin"}}'],
    ['a drive', 'INDEX_PATH_ESCAPES', '{"weight_map":{"w":"C:model.bin"}}'],
    ['a link to the outside', 'INDEX_PATH_ESCAPES', '{"weight_map":{"w":"link.bin"}}'],
    ['a shard that is missing', 'FILE_NOT_FOUND', '{"weight_map":{"w":"missing.bin"}}'],
    ['a zero byte in a path', 'INDEX_BAD', '{"weight_map":{"w":"a\\u0000.bin"}}'],
    ['a number as shard', 'INDEX_BAD', '{"weight_map":{"w":1}}'],
    ['a list of weights', 'INDEX_BAD', '{"weight_map":[]}'],
    ['no weights', 'INDEX_BAD', '{"metadata":{}}'],
    ['weights of the prototype', 'INDEX_BAD', '{"__proto__":{"weight_map":{"w":"model.bin"}}}'],
    ['no object', 'INDEX_BAD', 'null'],
    ['no JSON', 'INDEX_BAD', '{'],
  ]
  it.each(indexes)('%s: %s', (_, code, index) =>
    withFolder(async (parent) => {
      const folder = join(parent, 'model')
      await mkdir(folder)
      const sound = buildCheckpoint(pickle(dict(text('w'), tensor())))
      await writeFile(join(parent, 'model.bin'), sound)
      await writeFile(join(folder, 'model.bin'), sound)
      await symlink('../model.bin', join(folder, 'link.bin'))
      const path = join(folder, 'pytorch_model.bin.index.json')
      await writeFile(path, index)

      const error = await refusal(openTorchCheckpoint(path))

      expect(error.code).toBe(code)
      expect(error.message).toContain(dirname(path))
    }),
  )
})
