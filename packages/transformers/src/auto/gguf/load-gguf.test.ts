import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { INFO_CHANNEL, type InfoEvent } from '@hfquant/core/runtime'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../export/testing/folders.fixture.js'
import { AutoModelForCausalLM, AutoTokenizer, inspectModel, modelFolder } from '../../index.js'

const root = await temporaryFolder()
const golden = (name: string, file = 'model.gguf') =>
  fileURLToPath(new URL(`../../../../../goldens/gguf/${name}/${file}`, import.meta.url))

/** A golden file with some of its bytes replaced by as many others, everywhere. */
async function changed(name: string, from: Buffer, to: Buffer): Promise<string> {
  expect(to.length).toBe(from.length)
  const bytes = await readFile(golden(name))
  const places = placesOf(bytes, from)
  expect(places.length).toBeGreaterThan(0)
  for (const at of places) to.copy(bytes, at)
  const path = join(root, `${name}-${Math.random()}.gguf`)
  await writeFile(path, bytes)
  return path
}

function placesOf(bytes: Buffer, wanted: Buffer): number[] {
  const places: number[] = []
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) places.push(at)
  return places
}

const text = (value: string) => Buffer.from(value)

/** The table's entry of a tensor up to its sizes, of which the file has the fastest first. */
function entry(name: string, sizes: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 + name.length + 4 + 8 * sizes.length)
  bytes.writeBigUInt64LE(BigInt(name.length))
  bytes.write(name, 8)
  bytes.writeUInt32LE(sizes.length, 8 + name.length)
  for (const [index, size] of sizes.entries()) {
    bytes.writeBigUInt64LE(BigInt(size), 12 + name.length + 8 * index)
  }
  return bytes
}

/** A key of the metadata with a u32. */
function number(key: string, value: number): Buffer {
  const bytes = Buffer.alloc(key.length + 8)
  bytes.write(key)
  bytes.writeUInt32LE(4, key.length)
  bytes.writeUInt32LE(value, key.length + 4)
  return bytes
}

describe('a file is refused, with its name and that of the tensor or the key:', () => {
  const LLAMA = 'tiny-llama-f16-spm'
  const MIXTURE = 'tiny-qwen3moe-q4_1'
  test.each<readonly [string, string, Buffer, Buffer, object]>([
    [
      'a tensor that no parameter is made of',
      LLAMA,
      text('blk.0.ffn_down.weight'),
      text('blk.0.ffn_dawn.weight'),
      { code: 'TENSOR_UNEXPECTED', tensor: 'blk.0.ffn_dawn.weight' },
    ],
    [
      'more layers than there are',
      LLAMA,
      number('llama.block_count', 2),
      number('llama.block_count', 3),
      { code: 'TENSOR_MISSING', tensor: expect.stringMatching(/^blk\.2\./) },
    ],
    [
      'another number of experts',
      MIXTURE,
      number('qwen3moe.expert_count', 4),
      number('qwen3moe.expert_count', 3),
      { code: 'TENSOR_MISMATCH', tensor: 'blk.0.ffn_gate_inp.weight', found: '[4, 64]', expected: '[3, 64]' },
    ],
    [
      'another number of matrices in a stack',
      MIXTURE,
      entry('blk.0.ffn_gate_exps.weight', [64, 32, 4]),
      entry('blk.0.ffn_gate_exps.weight', [64, 64, 2]),
      { code: 'TENSOR_MISMATCH', tensor: 'blk.0.ffn_gate_exps.weight', expected: '4 matrices' },
    ],
    [
      'rows that are to be put in order, and are others',
      LLAMA,
      entry('blk.0.attn_k.weight', [64, 32]),
      entry('blk.0.attn_k.weight', [32, 64]),
      { code: 'TENSOR_MISMATCH', tensor: 'blk.0.attn_k.weight', found: '[64, 32]', expected: '[32, 64]' },
    ],
    [
      'rows of blocks of another length',
      MIXTURE,
      entry('blk.0.attn_k.weight', [64, 32]),
      entry('blk.0.attn_k.weight', [32, 64]),
      { code: 'TENSOR_MISMATCH', tensor: 'blk.0.attn_k.weight', found: '[64, 32]', expected: '[32, 64]' },
    ],
    [
      'floats of another size',
      LLAMA,
      entry('output_norm.weight', [64]),
      entry('output_norm.weight', [32]),
      { code: 'TENSOR_MISMATCH', tensor: 'output_norm.weight', found: '[32]', expected: '[64]' },
    ],
    [
      'no number of layers',
      LLAMA,
      text('llama.block_count'),
      text('llama.black_count'),
      { code: 'GGUF_KEY', field: 'llama.block_count' },
    ],
    ['another architecture', LLAMA, text('llama'), text('lxama'), { code: 'GGUF_ARCHITECTURE' }],
  ])('%s', async (_, name, from, to, expected) => {
    const path = await changed(name, from, to)
    await expect(AutoModelForCausalLM.fromPretrained(path)).rejects.toMatchObject({
      ...{ file: path, ...expected },
      hint: expect.any(String),
    })
  })

  test('an end that is missing', async () => {
    const path = join(root, 'cut.gguf')
    await writeFile(path, (await readFile(golden(LLAMA))).subarray(0, -5000))
    await expect(AutoModelForCausalLM.fromPretrained(path)).rejects.toMatchObject({
      ...{ code: 'GGUF_OFFSET_OUT_OF_RANGE', file: path },
      tensor: expect.stringMatching(/^blk\.1\./),
    })
  })

  test('another way to quantize what is loaded in blocks', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(golden('tiny-qwen3-q8_0'))
    await expect(model.quantize({ quant_method: 'gguf' })).rejects.toMatchObject({ code: 'MODEL_QUANTIZED' })
  })
})

test('a file is said to be quantized once, under its own name', async () => {
  const path = join(root, 'told.gguf')
  await copyFile(golden('tiny-qwen3-q8_0'), path)
  const told: string[] = []
  const listen = (event: unknown) => told.push((event as InfoEvent).message)
  subscribe(INFO_CHANNEL, listen)
  await inspectModel(path)
  await inspectModel(path).finally(() => unsubscribe(INFO_CHANNEL, listen))
  expect(told).toEqual([
    expect.stringContaining(`${path} is quantized: gguf, found by the types of its tensors`),
  ])
})

describe('files beside a GGUF file', () => {
  test('hold its tokenizer, where there is one', async () => {
    const folder = join(root, 'beside')
    await mkdir(folder)
    await copyFile(golden('tiny-qwen3-q8_0'), join(folder, 'model.gguf'))
    const rebuilt = await AutoTokenizer.fromPretrained(folder)
    await writeFile(join(folder, 'generation_config.json'), '{"max_new_tokens": 7}')
    const own = await readFile(join(await modelFolder(golden('tiny-qwen2-mixed')), 'tokenizer.json'), 'utf8')
    await writeFile(join(folder, 'tokenizer.json'), own.replace('"added_tokens":[', '"added_tokens":[ '))
    await copyFile(join(folder, 'model.gguf'), join(folder, 'later.gguf'))
    const unfolded = await modelFolder(join(folder, 'later.gguf'))

    expect(rebuilt.vocabSize).toBe(351)
    expect(await readFile(join(unfolded, 'tokenizer.json'), 'utf8')).toContain('"added_tokens":[ ')
    expect(await readFile(join(unfolded, 'generation_config.json'), 'utf8')).toBe('{"max_new_tokens": 7}')
  })

  test('are made once, and found by whoever names them', async () => {
    const path = golden('tiny-gemma3-q4_0')
    const [one, other] = await Promise.all([modelFolder(path), modelFolder(path)])
    expect(one).toBe(other)
    expect(await modelFolder(one)).toBe(one)
    expect(await inspectModel(one)).toEqual(await inspectModel(path))
  })

  test('are no GGUF files to be asked about', async () => {
    const folder = join(root, 'several')
    await mkdir(folder)
    await writeFile(join(folder, 'training_args.bin'), '')
    for (const name of ['a.gguf', 'mmproj-a.gguf', 'b-00002-of-00002.gguf']) {
      await copyFile(golden('tiny-qwen3-q8_0'), join(folder, name))
    }
    expect((await inspectModel(folder)).quantization?.method).toBe('gguf')
    await copyFile(golden('tiny-qwen3-q8_0'), join(folder, 'b.gguf'))
    await expect(inspectModel(folder)).rejects.toMatchObject({
      ...{ code: 'GGUF_SEVERAL', file: folder, found: ['a.gguf', 'b.gguf'] },
      hint: expect.stringContaining(join(folder, 'a.gguf')),
    })
  })
})
