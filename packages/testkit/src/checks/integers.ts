import {
  componentRows,
  type IntegerCodes,
  type IntegerForm,
  type IntegerGrid,
  loadModel,
  planModel,
  type QuantizedModule,
  readParameter,
} from '@hfquant/core/runtime'
import { demand, succeeding } from '../conformance/breach.js'
import { type ConformanceCheck, forEachConfig, type NamedConfig, needing } from '../conformance/check.js'
import { sameJson } from '../conformance/json.js'
import type { ConformanceOptions } from '../conformance/options.js'
import { quantizeAndSave, reload } from '../conformance/quantize-and-save.js'
import { restore } from '../conformance/restore.js'
import { quantizedModules } from '../conformance/tensors.js'
import type { Workbench, WorkbenchModel } from '../conformance/workbench.js'
import type { ModelLayout } from '../models/layout.js'
import { tinyModel } from '../models/tiny-model.js'

const topic = 'components'

/** Weights as integers, by which models come from one method to another. */
export const integerChecks = (options: ConformanceOptions): readonly ConformanceCheck[] =>
  needing(
    ['quantizing', 'saving', 'converting'],
    forEachConfig(options, topic, {
      'weights that are integers say which, and are stored again without losing a bit': integers,
    }),
  )

async function integers(bench: Workbench, named: NamedConfig): Promise<void> {
  const layout = tinyModel()
  const { saved } = await quantizeAndSave(bench, named, layout)
  const source = await reload(bench, saved, layout)
  const found = await readIntegers(source)
  for (const [path, own] of found) demandRange(path, own)
  for (const [path, own] of found) await demandValues(path, own)
  // What is more than integers is refused, whatever the method.
  if (found.size < quantizedModules(source.shell).size) return
  const contract =
    'pack stores the integers that unpack gave, bit for bit: codes, zero points, and scales in their own dtype'
  const again = await succeeding('converting the model to its own method', contract, async () =>
    readIntegers(await reload(bench, await convert(bench, saved, layout), layout)),
  )
  for (const [path, own] of found) {
    const other = again.get(path)
    demand(other !== undefined, `converted, ${path} is no weight of integers any more`, contract)
    const difference = firstDifference(own, other)
    demand(difference === undefined, `converted, ${path} has other ${difference}`, contract)
  }
}

interface WeightIntegers extends IntegerCodes {
  readonly module: QuantizedModule
  readonly grid: IntegerGrid
}

/** Those weights of a model that are integers, by path. */
async function readIntegers({ shell }: WorkbenchModel): Promise<ReadonlyMap<string, WeightIntegers>> {
  const found = new Map<string, WeightIntegers>()
  for (const [path, module] of quantizedModules(shell)) {
    const { integers: form } = module.format
    if (form === undefined || 'skip' in form) continue
    found.set(path, { module, grid: form.grid, ...(await unpack(module, form)) })
  }
  return found
}

async function unpack(module: QuantizedModule, form: IntegerForm): Promise<IntegerCodes> {
  const stored = new Map<string, Uint8Array>()
  for (const { key } of module.components) stored.set(key, await readParameter(module.component(key)))
  return form.unpack(componentRows(stored), module.info)
}

function demandRange(path: string, { module, grid, codes, scales, zeros }: WeightIntegers): void {
  const { outFeatures, inFeatures } = module.info
  const { bits, groupSize, symmetric } = grid
  const contract =
    'codes are [N, K], scales and zero points [N, ceil(K / groupSize)]; codes and zero points reach from 0 to 2^bits − 1'
  demand(
    groupSize >= 1 && groupSize <= inFeatures,
    `${path} has groups of ${groupSize} among ${inFeatures} columns`,
    contract,
  )
  const groups = Math.ceil(inFeatures / groupSize)
  const sizes = { codes: outFeatures * inFeatures, scales: outFeatures * groups, zeros: outFeatures * groups }
  demand(
    codes.length === sizes.codes && scales.length === sizes.scales && zeros.length === sizes.zeros,
    `${path} has ${codes.length} codes, ${scales.length} scales and ${zeros.length} zero points, expected ${Object.values(sizes).join(', ')}`,
    contract,
  )
  const tooLarge = [...codes, ...zeros].find((value) => value >= 2 ** bits)
  demand(tooLarge === undefined, `${path} has the value ${tooLarge} among ${bits} bits`, contract)
  const other = symmetric ? zeros.find((zero) => zero !== 2 ** (bits - 1)) : undefined
  demand(
    other === undefined,
    `${path} has the zero point ${other}, and says that it is symmetric`,
    'symmetric is true where every zero point is known to be 2^(bits − 1)',
  )
}

/** Products may be rounded once more than here. */
const ROUNDING = 2 ** -20

async function demandValues(
  path: string,
  { module, grid, codes, scales, zeros }: WeightIntegers,
): Promise<void> {
  const { inFeatures } = module.info
  const groups = Math.ceil(inFeatures / grid.groupSize)
  for (const [at, value] of (await restore(module)).entries()) {
    const [row, column] = [Math.floor(at / inFeatures), at % inFeatures]
    const group = row * groups + Math.floor(column / grid.groupSize)
    const expected = (codes[at]! - zeros[group]!) * scales[group]!
    demand(
      Math.abs(value - expected) <= ROUNDING * Math.abs(expected),
      () =>
        `${path} is restored as ${value} in row ${row}, column ${column}, and its integers say ${expected}`,
      'a weight that has integers is (code − zero point) · scale, and nothing else',
    )
  }
}

/** @returns the folder of the model as its own method stores its integers. */
async function convert(bench: Workbench, from: string, layout: ModelLayout): Promise<string> {
  const { quantizer: own, ...planned } = await bench.open({ from, layout })
  const { shell } = await planModel({ ...planned, quantizer: own })
  const quantizer = bench.backend.convert!({ quantizer: own!, shell })
  const opened = await bench.open({ from, layout })
  const { dtype, merged } = opened
  const converted = await loadModel({ ...opened, quantizer })
  return bench.save({ ...converted, from, dtype, merged, quantizer })
}

function firstDifference(own: WeightIntegers, other: WeightIntegers): string | undefined {
  if (!sameJson(other.grid, own.grid))
    return `grids: ${JSON.stringify(other.grid)} instead of ${JSON.stringify(own.grid)}`
  for (const part of ['codes', 'scales', 'zeros'] as const) {
    const at = other[part].findIndex((value, index) => !Object.is(value, own[part][index]))
    if (at >= 0) return `${part}: ${other[part][at]} instead of ${own[part][at]} at element ${at}`
  }
  return undefined
}
