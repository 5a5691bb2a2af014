import { readSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { CheckpointTensor } from '@hfquant/core/runtime'
import { dequantizeBlocks, openGguf } from '@hfquant/gguf'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../export/testing/folders.fixture.js'
import { createMadeTensors } from './made-tensors.js'

const golden = new URL('../../../../../goldens/gguf/tiny-qwen3-q8_0/model.gguf', import.meta.url)

test('a place that is given back is taken by the next tensor of its size, and the tensor made again elsewhere', async () => {
  await using file = await openGguf(fileURLToPath(golden))
  const made = createMadeTensors(await temporaryFolder())
  const floats = (name: string) => {
    const tensor = file.tensors.get(name)!
    const { shape, byteOffset: position } = tensor
    const byteLength = 4 * shape.reduce((all, size) => all * size, 1)
    return made.of(
      { name, dtype: 'float32', shape, file: file.path, fd: file.fd, position, byteLength },
      { stored: [{ file, tensor }], weave: undefined, as: 'float32' },
    )
  }
  const bytesOf = ({ fd, position, byteLength }: CheckpointTensor) => {
    const bytes = new Uint8Array(byteLength)
    readSync(fd, bytes, 0, byteLength, position)
    return bytes
  }
  const wanted = async (name: string) =>
    new Uint8Array(dequantizeBlocks('Q8_0', await file.read(name)).buffer)
  const [key, value] = ['blk.0.attn_k.weight', 'blk.1.attn_k.weight']

  const [one, other] = [floats(key), floats(value)]
  const first = await one.contiguous!()
  expect(bytesOf(first)).toEqual(await wanted(key))
  expect(await one.contiguous!()).toBe(first)
  first.release!()
  const second = await other.contiguous!()
  const again = await one.contiguous!()

  expect(second.position).toBe(first.position)
  expect(bytesOf(second)).toEqual(await wanted(value))
  expect(again.position).not.toBe(second.position)
  expect(bytesOf(again)).toEqual(await wanted(key))
  made.close()
})
