import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openTorchFile, TorchCheckpointError, type TorchFile, type TorchValue } from '../src/index.js'
import { buildCheckpoint } from './build-zip.js'
import { withFolder } from './temporary-file.js'

/** `HFQUANT_FUZZ_RUNS=100000` for a long run; its seed is random, and printed when it fails. */
const longRuns = process.env.HFQUANT_FUZZ_RUNS
const timeout = longRuns ? 24 * 3600 * 1000 : 30_000
const settings = longRuns ? { numRuns: Number(longRuns) } : { numRuns: 400, seed: 5 }

const bin = fileURLToPath(new URL('../../../goldens/torchao/bin/', import.meta.url))
const seeds = [
  'plain/pytorch_model_modern.bin',
  'plain/pytorch_model_legacy.bin',
  'int8_tensor_dynamic_enum_by_name.bin',
  'affine_v1_int8_dynamic.bin',
].map((name) => readFileSync(join(bin, name)))

/** Bytes that mean something to the formats are more interesting than others. */
const interesting = [
  ...'(.0BCGIJKLMNQRX]abcdeghjlpqrstu})',
  '\x00',
  '\x01',
  '\x7f',
  '\x80',
  '\x81',
  '\x8a',
  '\x93',
  '\xff',
].map((character) => character.charCodeAt(0))
const edit = fc.record({
  at: fc.nat(2 ** 24),
  remove: fc.constantFrom(0, 0, 1, 1, 1, 2, 8, 100),
  insert: fc.array(fc.oneof(fc.constantFrom(...interesting), fc.nat(255)), { maxLength: 8 }),
})
const edits = fc.array(edit, { minLength: 1, maxLength: 4 })

function mutate(
  bytes: Uint8Array,
  changes: readonly { at: number; remove: number; insert: readonly number[] }[],
) {
  let mutated = [...bytes]
  for (const { at, remove, insert } of changes) {
    const start = at % (mutated.length + 1)
    mutated = [...mutated.slice(0, start), ...insert, ...mutated.slice(start + remove)]
  }
  return Uint8Array.from(mutated)
}

/** More than this no file of a few kilobytes may ask for: what an expanded tensor may have, and one window. */
const MAX_ALLOCATION = 21 * 1024 * 1024

async function readAll(file: TorchFile, value: TorchValue): Promise<void> {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
  if (Array.isArray(value)) for (const item of value) await readAll(file, item)
  else if (value instanceof Map) for (const item of value.values()) await readAll(file, item)
  else if ('kind' in value && value.kind === 'object') {
    for (const item of value.fields.values()) await readAll(file, item)
  } else if ('kind' in value && value.kind === 'tensor') {
    const bytes = await file.read(value)
    expect(bytes.byteLength).toBe(value.byteLength)
    expect(bytes.byteLength).toBeLessThan(MAX_ALLOCATION)
  }
}

async function accepts(path: string, bytes: Uint8Array): Promise<boolean> {
  await writeFile(path, bytes)
  try {
    await using file = await openTorchFile(path)
    for (const entry of file.entries.values()) await readAll(file, entry)
    return true
  } catch (error) {
    if (!TorchCheckpointError.isInstance(error)) throw error
    expect(error.message).toContain(path)
    expect(error.hint).not.toBe('')
    return false
  }
}

describe('a damaged file', { timeout }, () => {
  it('is read or refused by a typed error, wherever it is damaged', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'damaged.bin')
      for (const seed of seeds) expect(await accepts(path, seed)).toBe(true)
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...seeds), edits, async (seed, changes) => {
          await accepts(path, mutate(seed, changes))
        }),
        settings,
      )
    }))

  it('is read or refused by a typed error, when its pickle is damaged and its container is sound', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'damaged.bin')
      const programs = seeds.filter((_, index) => index !== 1).map(unpack)
      for (const { pickle, storages } of programs) {
        expect(await accepts(path, buildCheckpoint(pickle, storages))).toBe(true)
      }
      let accepted = 0
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...programs), edits, async ({ pickle, storages }, changes) => {
          if (await accepts(path, buildCheckpoint(mutate(pickle, changes), storages))) accepted++
        }),
        settings,
      )
      // Some edits are harmless; were none, the pickles would not be reached.
      expect(accepted).toBeGreaterThan(0)
    }))

  it('is read or refused by a typed error, when it never was a pickle', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'random.bin')
      const opcode = fc.oneof(fc.constantFrom(...interesting), fc.nat(255))
      await fc.assert(
        fc.asyncProperty(fc.array(opcode, { maxLength: 200 }), async (program) => {
          await accepts(path, buildCheckpoint(Uint8Array.from([0x80, 2, ...program, 0x2e])))
        }),
        settings,
      )
    }))
})

/** Pickle and storages of a stored zip, found by the names before them. */
function unpack(bytes: Buffer): { pickle: Uint8Array; storages: Record<string, Uint8Array> } {
  const storages: Record<string, Uint8Array> = {}
  let pickle: Uint8Array = new Uint8Array()
  for (
    let at = bytes.indexOf('PK\x01\x02', 0, 'latin1');
    at >= 0;
    at = bytes.indexOf('PK\x01\x02', at + 4, 'latin1')
  ) {
    const name = bytes.toString('latin1', at + 46, at + 46 + bytes.readUInt16LE(at + 28))
    const header = bytes.readUInt32LE(at + 42)
    const start = header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28)
    const data = bytes.subarray(start, start + bytes.readUInt32LE(at + 24))
    const key = /\/data\/([^/]+)$/.exec(name)?.[1]
    if (name.endsWith('/data.pkl')) pickle = data
    else if (key !== undefined) storages[key] = data
  }
  return { pickle, storages }
}
