import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { AutoModelForCausalLM, HfquantError, inspectModel } from './index.js'
import { golden } from './testing/golden.fixture.js'
import { allocatedBytes } from './testing/meter.fixture.js'
import { edits, mutateBytes } from './testing/mutate-bytes.fixture.js'

/** `HFQUANT_FUZZ_RUNS=100000` for a long run; its seed is random, and printed when it fails. */
const longRuns = process.env.HFQUANT_FUZZ_RUNS
const timeout = longRuns ? 24 * 3600 * 1000 : 60_000
const settings = longRuns ? { numRuns: Number(longRuns) } : { numRuns: 120, seed: 5 }

const parent = mkdtempSync(join(tmpdir(), 'hfquant-fuzz-'))
const cache = join(parent, 'cache')
vi.stubEnv('HFQUANT_CACHE', cache)
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(parent, { recursive: true, force: true })
})

/** Beyond this no file of a few kilobytes may ask. */
const MAX_ALLOCATION = 64 * 2 ** 20

/** Opens a folder as far as its headers, small tensors and the plan go; half of the folders lost their block. */
async function opens(folder: string): Promise<boolean> {
  let accepted = false
  const before = await readdir(folder)
  const bytes = await allocatedBytes(async () => {
    try {
      await inspectModel(folder)
      accepted = true
    } catch (error) {
      if (!HfquantError.isInstance(error)) throw error
      expect(error.message).not.toBe('')
      expect(error.hint ?? '').not.toBe('')
    }
  })
  expect(bytes).toBeLessThan(MAX_ALLOCATION)
  expect(await readdir(folder)).toEqual(before)
  expect(await readdir(cache).catch(() => [])).toEqual([])
  return accepted
}

/** A folder whose file `name` is to be damaged, with and without the block in config.json. */
async function folders(model: string, name: string): Promise<readonly [told: string, scanned: string]> {
  const told = join(parent, `${name}-told`)
  const scanned = join(parent, `${name}-scanned`)
  await cp(golden(`torchao/tiny-llama/${model}`), told, { recursive: true })
  await cp(told, scanned, { recursive: true })
  const { quantization_config: _, ...config } = JSON.parse(readFileSync(join(told, 'config.json'), 'utf8'))
  await writeFile(join(scanned, 'config.json'), JSON.stringify(config))
  return [told, scanned]
}

const INT4 = 'int8-dynamic-act-int4-weight-bin'
const SHARD = 'pytorch_model-00001-of-00001.bin'

describe('a folder with a damaged file is opened, or refused by a typed error', { timeout }, () => {
  /** Where headers stand: data in between is not interpreted. */
  const headerOf = (bytes: Buffer) => [[0, 8 + Number(bytes.readBigUInt64LE(0))]] as const
  const zipEnds = (bytes: Buffer) =>
    [
      [0, 12_000],
      [bytes.length - 4000, bytes.length],
    ] as const
  const whole = (bytes: Buffer) => [[0, bytes.length]] as const

  test.each([
    ['a safetensors header', 'int8-weight-only', 'model.safetensors', headerOf],
    ['an index of safetensors', 'int8-weight-only-sharded', 'model.safetensors.index.json', whole],
    ['a pickle and its zip', INT4, SHARD, zipEnds],
    ['an index of pickles', INT4, 'pytorch_model.bin.index.json', whole],
  ] as const)('%s', async (_what, model, name, regions) => {
    const bytes = readFileSync(golden(`torchao/tiny-llama/${model}/${name}`))
    const both = await folders(model, name)
    for (const folder of both) expect(await opens(folder)).toBe(true)
    // The meter sees what the readers allocate.
    expect(await allocatedBytes(() => inspectModel(both[0]))).toBeGreaterThan(100)
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...both), edits, async (folder, changes) => {
        await writeFile(join(folder, name), mutateBytes(bytes, changes, regions(bytes)))
        await opens(folder)
      }),
      settings,
    )
  })

  test('a pickled object of version 1', async () => {
    const folder = join(parent, 'version-1')
    await mkdir(folder)
    await cp(golden(`torchao/tiny-llama/${INT4}/config.json`), join(folder, 'config.json'))
    const bytes = readFileSync(golden('torchao/bin/affine_v1_int8_dynamic.bin'))
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        await writeFile(join(folder, 'pytorch_model.bin'), mutateBytes(bytes, changes, whole(bytes)))
        expect(await opens(folder)).toBe(false)
      }),
      settings,
    )
  })
})

test('values that are damaged, not headers, end in a typed error or in a model', { timeout }, async () => {
  const [folder] = await folders(INT4, 'values')
  const path = join(folder, SHARD)
  const bytes = readFileSync(path)
  const numRuns = longRuns ? Math.ceil(Number(longRuns) / 10) : 10
  const flips = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(flips, async (changes) => {
      const damaged = Buffer.from(bytes)
      for (const [at, value] of changes) damaged[at] = value
      await writeFile(path, damaged)
      try {
        await using model = await AutoModelForCausalLM.fromPretrained(folder, { compute: 'exact' })
        await model.forward({ inputIds: [[1, 2]] })
      } catch (error) {
        if (!HfquantError.isInstance(error)) throw error
      }
    }),
    { ...settings, numRuns },
  )
})
