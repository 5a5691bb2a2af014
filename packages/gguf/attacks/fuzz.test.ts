import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GgufError, type GgufFile, openGguf } from '../src/index.js'
import { info, joined, pair, rawGguf, text, u32, u64, withFolder } from './raw-gguf.js'

/** `HFQUANT_FUZZ_RUNS=100000` for a long run; its seed is random, and printed when it fails. */
const longRuns = process.env.HFQUANT_FUZZ_RUNS
const timeout = longRuns ? 24 * 3600 * 1000 : 30_000
const settings = longRuns ? { numRuns: Number(longRuns) } : { numRuns: 200, seed: 7 }

/** Every type of value, several shapes and types of tensors. */
const seed = rawGguf({
  pairs: [
    pair('general.architecture', 8, text('llama')),
    pair('general.alignment', 4, u32(64)),
    ...[0, 1, 7].map((type) => pair(`byte.${type}`, type, Uint8Array.of(1))),
    ...[2, 3].map((type) => pair(`two.${type}`, type, new Uint8Array(2))),
    ...[5, 6].map((type) => pair(`four.${type}`, type, new Uint8Array(4))),
    ...[10, 11, 12].map((type) => pair(`eight.${type}`, type, new Uint8Array(8))),
    pair('tokens', 9, u32(8), u64(3), text('a'), text(Uint8Array.of(0xff)), text('')),
    pair('scores', 9, u32(6), u64(2), new Uint8Array(8)),
    pair('flags', 9, u32(7), u64(3), Uint8Array.of(0, 1, 0)),
  ],
  infos: [
    info('a', 0, [3, 2]),
    info('b', 2, [2, 32], 64),
    info('c', 12, [1, 1, 256], 128),
    info('d', 1, [], 320),
  ],
  alignment: 64,
  data: new Uint8Array(384),
})

/** Bytes that mean something to the format are more interesting than others. */
const interesting = fc.constantFrom(0, 1, 2, 3, 4, 7, 8, 9, 12, 13, 32, 64, 127, 128, 255)
const edits = fc.array(
  fc.record({
    at: fc.nat(2 ** 24),
    remove: fc.constantFrom(0, 1, 1, 1, 2, 4, 8, 100),
    insert: fc.array(fc.oneof(interesting, fc.nat(255)), { maxLength: 8 }),
  }),
  { minLength: 1, maxLength: 4 },
)
/** Fields keep their places, so that damage reaches what lies deep. */
const overwrites = fc.array(
  fc.record({
    at: fc.nat(2 ** 24),
    bytes: fc.array(fc.oneof(interesting, fc.nat(255)), { minLength: 1, maxLength: 8 }),
  }),
  { minLength: 1, maxLength: 3 },
)

async function readAll(file: GgufFile): Promise<void> {
  for (const value of file.metadata.values()) {
    if (value.type !== 'array' || value.of !== 'string') continue
    for (let index = 0; index < value.values.length; index++) {
      expect(value.values.bytes(index)).toBeInstanceOf(Uint8Array)
      textOf(value.values, index)
    }
  }
  for (const [name, { byteOffset, byteLength }] of file.tensors) {
    expect(byteOffset + byteLength).toBeLessThanOrEqual(file.byteLength)
    expect((await file.read(name)).byteLength).toBe(byteLength)
  }
}

/** Tokens need not be text. */
function textOf(strings: { text(index: number): string | undefined }, index: number): void {
  try {
    strings.text(index)
  } catch (error) {
    if (!GgufError.isInstance(error) || error.code !== 'GGUF_BAD_TEXT') throw error
  }
}

async function accepts(path: string, bytes: Uint8Array): Promise<boolean> {
  await writeFile(path, bytes)
  try {
    await using file = await openGguf(path)
    await readAll(file)
    return true
  } catch (error) {
    if (!GgufError.isInstance(error)) throw error
    expect(error.message).toContain(path)
    expect(error.hint).not.toBe('')
    return false
  }
}

describe('a damaged file is read or refused by a typed error', { timeout }, () => {
  it('whatever is cut out of it and put into it', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'damaged.gguf')
      expect(await accepts(path, seed)).toBe(true)
      const property = fc.asyncProperty(edits, async (changes) => {
        let bytes = seed
        for (const { at, remove, insert } of changes) {
          const start = at % (bytes.byteLength + 1)
          bytes = joined(bytes.subarray(0, start), Uint8Array.from(insert), bytes.subarray(start + remove))
        }
        await accepts(path, bytes)
      })
      await fc.assert(property, settings)
    }))

  it('whatever is written over it', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'damaged.gguf')
      const outcomes = new Set<boolean>()
      const property = fc.asyncProperty(overwrites, async (changes) => {
        const bytes = seed.slice()
        for (const { at, bytes: written } of changes) {
          bytes.set(written.slice(0, bytes.byteLength - (at % bytes.byteLength)), at % bytes.byteLength)
        }
        outcomes.add(await accepts(path, bytes))
      })
      await fc.assert(property, settings)
      expect([...outcomes].sort()).toEqual([false, true])
    }))

  it('wherever it ends', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'damaged.gguf')
      // The last 62 bytes pad the last tensor.
      for (let end = 0; end < seed.byteLength - 62; end += 7) {
        expect(await accepts(path, seed.subarray(0, end))).toBe(false)
      }
    }))
})
