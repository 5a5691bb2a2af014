import { readFileSync } from 'node:fs'
import { createScratchArrays, type LevelTools, rowEnergies, type SharedWeight } from '@hfquant/calibrate'
import { createKernelPool, widenFloats } from '@hfquant/kernels'
import { readTensorFile } from '@hfquant/testkit'
import { afterAll, describe, expect, test } from 'vitest'
import { codeOf, findGrid } from '../format/grid.js'
import { golden } from '../testing/golden.fixture.js'
import { addShares, candidateScales } from './candidates.js'
import { clipWeight } from './clip.js'
import { foldWeight } from './fold.js'
import { scaleError } from './scale-error.js'

const pool = createKernelPool({ workers: 1 })
afterAll(() => pool.dispose())

interface Case {
  readonly rows: readonly number[]
  readonly k: number
  readonly tokens: number
  readonly group: number
  readonly duo: boolean
  readonly identity: boolean
  readonly mode: string
  readonly best: number
}

const cases = JSON.parse(readFileSync(golden('calibration.json'), 'utf8')) as Record<string, Case>
const { tensors } = await readTensorFile(golden('calibration.safetensors'))

const float16 = (name: string) => widenFloats(tensors.get(name)!.bytes, 'float16')
const float32 = (name: string) => new Float32Array(tensors.get(name)!.bytes.buffer)
const float64 = (name: string) => new Float64Array(tensors.get(name)!.bytes.buffer)
const shared = (values: Float32Array) => {
  const copy = new Float32Array(new SharedArrayBuffer(values.byteLength))
  copy.set(values)
  return copy
}

/** Σ x·xᵀ of some columns, of every n-th row. */
function momentsOf(x: Float32Array, width: number, [first, end]: readonly [number, number], every: number) {
  const size = end - first
  const sums = new Float64Array(size * size)
  for (let row = 0; row < x.length / width; row += every) {
    for (let i = 0; i < size; i++) {
      const left = x[row * width + first + i]!
      for (let j = 0; j < size; j++) sums[i * size + j]! += left * x[row * width + first + j]!
    }
  }
  return shared(Float32Array.from(sums))
}

const closeTo = (found: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number) =>
  Array.from(wanted, (value, at) => Math.abs(found[at]! - value) / Math.max(Math.abs(value), 1e-12)).filter(
    (difference) => !(difference <= tolerance),
  )

describe.each(Object.entries(cases))('%s', (name, { rows, k, tokens, group, duo, identity, mode, best }) => {
  const x = float16(`${name}.x`)
  const weights = rows.map(
    (count, index): SharedWeight => ({
      values: shared(float16(`${name}.w${index}`)),
      rows: count,
      columns: k,
    }),
  )
  const rules = { groupSize: group, reference: mode === 'reference' }
  const tools = { pool, scratch: createScratchArrays(), signal: undefined } as unknown as LevelTools
  const inputs = Float32Array.from({ length: k }, (_, channel) => {
    let sum = 0
    for (let at = channel; at < x.length; at += k) sum += Math.abs(x[at]!)
    return sum / tokens
  })
  const shares = { sums: new Float64Array(k), rows: 0 }
  for (const weight of weights) addShares(weight, group, shares)
  const means = { inputs, weights: Float32Array.from(shares.sums, (sum) => sum / shares.rows) }
  const candidates = candidateScales(means, { identity, duo })

  test('has the means, the losses of all candidates and the scale of the reference', async () => {
    expect(closeTo(means.inputs, float32(`${name}.x_mean`), 1e-6)).toEqual([])
    expect(closeTo(means.weights, float32(`${name}.w_mean`), 1e-6)).toEqual([])
    const moments = momentsOf(x, k, [0, k], 1)
    const losses: number[] = []
    const outputs = rows.reduce((sum, count) => sum + count, 0)
    for (const scale of candidates) {
      let loss = 0
      for (const weight of weights) {
        const difference = { ...weight, values: shared(weight.values) }
        scaleError(weight, scale, rules, difference.values)
        const energies = await rowEnergies(difference, moments, tools)
        loss += energies.reduce((sum, energy) => sum + energy, 0) / outputs / tokens
      }
      losses.push(loss)
    }
    expect(closeTo(losses, float64(`${name}.losses`), 1e-4)).toEqual([])
    expect(losses.indexOf(Math.min(...losses))).toBe(best)
    expect(closeTo(candidates[best]!, float32(`${name}.scale`), 1e-6)).toEqual([])
  })

  test('has the bounds of the reference, and within them its codes', async () => {
    const scale = candidates[best]!
    const every = mode === 'ours' ? 1 : Math.max(1, Math.floor(tokens / 512))
    const moments = Array.from({ length: k / group }, (_, at) =>
      momentsOf(x, k, [at * group, (at + 1) * group], every),
    )
    for (const [index, weight] of weights.entries()) {
      foldWeight(weight, scale, undefined)
      const bounds = await clipWeight(weight, { moments, scale }, rules, tools)
      const wrong = closeTo(bounds, float32(`${name}.clip${index}`), 1e-6)
      expect(wrong.length).toBeLessThanOrEqual(0.01 * bounds.length)
      const wanted = tensors.get(`${name}.codes${index}`)!.bytes
      let different = 0
      for (const [at, bound] of bounds.entries()) {
        // Bounds next to each other may be as good, up to the rounding of sums.
        if (closeTo([bound], float32(`${name}.clip${index}`).subarray(at, at + 1), 1e-6).length > 0) continue
        const start = at * group
        const own = weight.values.subarray(start, start + group)
        const grid = findGrid(own, rules.reference)
        different += own.filter((value, column) => codeOf(value, grid) !== wanted[start + column]).length
      }
      expect(different).toBeLessThanOrEqual(0.001 * wanted.length)
    }
  })
})

test('a search for bounds ends when it is told to', async () => {
  const stop = new AbortController()
  const tools = { pool, scratch: createScratchArrays(), signal: stop.signal } as unknown as LevelTools
  const weight = { values: shared(new Float32Array(4 * 64).fill(1)), rows: 4, columns: 64 }
  const moments = [shared(new Float32Array(32 * 32)), shared(new Float32Array(32 * 32))]
  setImmediate(() => stop.abort(new Error('enough')))
  const clipping = clipWeight(
    weight,
    { moments, scale: undefined },
    { groupSize: 32, reference: false },
    tools,
  )
  await expect(clipping).rejects.toThrow('enough')
})
