import { mkdtemp, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openSafetensors } from '@hfquant/safetensors'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { cacheFolder } from '../cache/cache-folder.js'
import { fromSafetensorsDtype } from '../shell/dtype.js'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import type { Checkpoint, CheckpointTensor } from './checkpoint.js'
import { openCheckpoint } from './open-checkpoint.js'
import { readRange } from './read-range.js'

const goldens = fileURLToPath(new URL('../../../../goldens/torchao/bin/', import.meta.url))
const folder = temporaryFolder(afterAll)
vi.stubEnv('HFQUANT_CACHE', join(folder, 'cache'))
afterAll(() => void vi.unstubAllEnvs())

async function openGolden(name: string): Promise<Checkpoint> {
  const path = await mkdtemp(join(folder, 'model-'))
  await symlink(join(goldens, name), join(path, 'pytorch_model.bin'))
  return openCheckpoint(path)
}

const bytesOf = async (tensor: CheckpointTensor): Promise<Uint8Array> =>
  readRange((await tensor.contiguous?.()) ?? tensor)

describe('a pickled checkpoint of plain tensors', () => {
  test.each(['pytorch_model', 'pytorch_model_modern', 'pytorch_model_legacy'])(
    '%s: slices, views, expansions and shared storages have the values that PyTorch sees',
    async (name) => {
      await using checkpoint = await openGolden(`plain/${name}.bin`)
      await using expected = await openSafetensors(join(goldens, 'plain/expected.safetensors'))
      expect([...checkpoint.tensors.keys()].sort()).toEqual([...expected.tensors.keys()].sort())
      expect(checkpoint.metadata).toEqual({})
      for (const [name, tensor] of checkpoint.tensors) {
        const { dtype, shape } = expected.tensors.get(name)!
        expect(tensor).toMatchObject({ dtype: fromSafetensorsDtype(dtype), shape })
        expect(await bytesOf(tensor)).toEqual(await expected.read(name))
      }
    },
  )

  test('is opened without a copy: only tensors whose elements are scattered are copied, when they are read', async () => {
    await using checkpoint = await openGolden('plain/pytorch_model.bin')
    const scattered = [...checkpoint.tensors.values()].filter(({ contiguous }) => contiguous !== undefined)
    expect(scattered.length).toBeGreaterThan(0)
    expect(scattered.length).toBeLessThan(checkpoint.tensors.size)
    const [first] = scattered
    const copies = await Promise.all([first!.contiguous!(), first!.contiguous!()])
    expect(copies[0]).toBe(copies[1])
    expect(copies[0]!.contiguous).toBeUndefined()
    expect(await readdir(join(cacheFolder(), 'work'))).toEqual([])
  })

  test('a copy that was aborted is made when it is asked for again', async () => {
    await using checkpoint = await openGolden('plain/pytorch_model_modern.bin')
    const tensor = [...checkpoint.tensors.values()].find(({ contiguous }) => contiguous !== undefined)!
    const stop = AbortSignal.abort(new Error('enough'))
    await expect(tensor.contiguous!(stop)).rejects.toThrow('enough')
    expect(await tensor.contiguous!()).toMatchObject({ name: tensor.name, byteLength: tensor.byteLength })
  })
})

test('objects of a method whose backend is not at hand are refused by class', async () => {
  await expect(openGolden('int8_tensor_weight_only.bin')).rejects.toMatchObject({
    code: 'OBJECT_CLASS_UNKNOWN',
    tensor: 'fc.weight',
    message: expect.stringContaining('.Int8Tensor'),
  })
})
