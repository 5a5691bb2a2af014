import {
  elementCount,
  planModel,
  type QuantizedModule,
  stateDict,
  tensorBytes,
  walkParameters,
} from '@hfquant/core/runtime'
import { demand } from '../conformance/breach.js'
import { type ConformanceCheck, forEachConfig, type NamedConfig, needing } from '../conformance/check.js'
import { measureMemory } from '../conformance/memory-probe.js'
import type { ConformanceOptions } from '../conformance/options.js'
import { quantizedModules } from '../conformance/tensors.js'
import type { Workbench } from '../conformance/workbench.js'
import { LARGE_LAYER, largeLayer, writeLargeLayer } from '../models/large-layer.js'
import { buildShell } from '../models/layout.js'
import { tinyModel } from '../models/tiny-model.js'

const topic = 'memory'

/** What a quantized model weighs, and what making it takes. */
export const memoryChecks = (options: ConformanceOptions): readonly ConformanceCheck[] =>
  needing(
    ['quantizing'],
    forEachConfig(options, topic, {
      'stands for as many weights as the float model, in as many bytes as were planned (rows 1, 33)': sizes,
      'a wide layer is as small as promised, and making it takes little memory (row 2)': largeWeight,
    }),
  )

async function sizes(bench: Workbench, { config }: NamedConfig): Promise<void> {
  const layout = tinyModel()
  const from = await bench.checkpoint(layout)
  const model = await bench.load({ from, layout, config })
  const modules = quantizedModules(model.shell)
  const floats = [...walkParameters(buildShell(layout).root)].reduce(
    (sum, [, { shape }]) => sum + elementCount(shape),
    0,
  )
  const kept = stateDict(model.shell)
    .filter(({ quantized }) => quantized === undefined)
    .reduce((sum, { shape }) => sum + elementCount(shape), 0)
  const standsFor = [...modules.values()].reduce(
    (sum, { info }) => sum + info.outFeatures * info.inFeatures,
    kept,
  )
  demand(
    standsFor === floats,
    `the model has ${standsFor} weights, as float it has ${floats}`,
    'quantizing changes how weights are stored, not how many there are',
  )

  const [planned, made] = [new Map<string, number>(), new Map<string, number>()]
  const plannedShell = await plan(bench, from, config)
  for (const [path, { components }] of quantizedModules(plannedShell)) {
    for (const { key, dtype, shape } of components) planned.set(`${path}.${key}`, tensorBytes(dtype, shape))
  }
  for (const { name, parameter, quantized } of stateDict(model.shell))
    if (quantized !== undefined) made.set(name, parameter.byteLength)
  const sizesDepend = model.quantizer!.sizesDependOnValues
  const wrong = [...planned].find(([name, bytes]) =>
    sizesDepend ? made.get(name)! > bytes : made.get(name) !== bytes,
  )
  demand(
    wrong === undefined && planned.size === made.size,
    () =>
      `${wrong?.[0] ?? 'a component'} was planned with ${wrong?.[1]} bytes and has ${made.get(wrong?.[0] ?? '')}`,
    'components() gives sizes before anything is read, and they hold; sizesDependOnValues says that they may turn out smaller',
  )
}

/** The shell as it is planned, without a byte of a weight. */
async function plan(bench: Workbench, from: string, config: NamedConfig['config']) {
  const model = await bench.open({ from, layout: tinyModel(), config })
  return (await planModel(model)).shell
}

/** 4 Mi weights: 16 MiB as float32, 8 MiB as they are stored. */
const [ROWS, COLUMNS] = [512, 8192]
const IN_FLIGHT_BYTES = 2 ** 20

/** What a load may leave behind beside the model: compiled code, caches of the runtime. */
const HELD_SLACK = 6 * 2 ** 20

/** Garbage that was not collected yet, above all of formulas in JavaScript. */
const PEAK_SLACK = 48 * 2 ** 20

async function largeWeight(
  bench: Workbench,
  { config, bitsPerWeight, quantizes }: NamedConfig,
): Promise<void> {
  if (!quantizes(LARGE_LAYER)) return
  const layout = largeLayer(ROWS, COLUMNS)
  const from = await writeLargeLayer(bench.newFolder(), ROWS, COLUMNS)
  const load = async () => {
    const options = { maxInFlightBytes: IN_FLIGHT_BYTES }
    const { shell } = await bench.load({ from, layout, dtype: 'bfloat16', config, options })
    return quantizedModules(shell).get(LARGE_LAYER)
  }
  // The first load warms up: workers and kernels keep the memory that they once needed.
  const module = await load()
  demand(
    module !== undefined,
    `the layer [${ROWS}, ${COLUMNS}] was not quantized`,
    'a layer of common width is quantized',
  )
  const stored = sum(module.components.map(({ key }) => module.component(key).byteLength))
  const bits = (8 * stored) / (ROWS * COLUMNS)
  demand(
    bits <= bitsPerWeight,
    `a weight takes ${bits.toFixed(3)} bits on disk, more than the ${bitsPerWeight} that the options promise`,
    'what a method saves is stated, and kept',
  )
  await bench.release()

  const { peakBytes, heldBytes } = await measureMemory(load)
  const working = stored + workingBytes(module)
  demand(
    heldBytes <= stored + HELD_SLACK,
    `after quantizing a layer of ${mebibytes(4 * ROWS * COLUMNS)} float32 weights, ${mebibytes(heldBytes)} are held; the result takes ${mebibytes(stored)}`,
    'nothing of a weight is held beyond its components: rows are views of a buffer that is used again, and must not be kept',
  )
  demand(
    peakBytes <= working + IN_FLIGHT_BYTES + PEAK_SLACK,
    `quantizing a layer of ${mebibytes(4 * ROWS * COLUMNS)} float32 weights took ${mebibytes(peakBytes)}, with ${mebibytes(working)} of components and ${mebibytes(IN_FLIGHT_BYTES)} in flight`,
    'memory is bounded by the byte budget and the components of one weight, however large the weight is',
  )
}

/** Components and scratch that are completed in memory. */
function workingBytes({ format, info: weight, components }: QuantizedModule): number {
  const whole = components.filter(({ layout = 'rows' }) => layout !== 'rows')
  return sum(
    [...whole, ...(format.scratch?.(weight) ?? [])].map(({ dtype, shape }) => tensorBytes(dtype, shape)),
  )
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, value) => total + value, 0)

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
