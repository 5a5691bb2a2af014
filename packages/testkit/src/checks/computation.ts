import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createScratchStore, dequantizeModel, readJsonFile, saveModel } from '@hfquant/core/runtime'
import { type Compute, writeArtifact } from '@hfquant/onnx'
import { demand, succeeding } from '../conformance/breach.js'
import { type ConformanceCheck, forEachConfig, type NamedConfig, needing } from '../conformance/check.js'
import type { ConformanceOptions } from '../conformance/options.js'
import { quantizedModules } from '../conformance/tensors.js'
import type { Workbench, WorkbenchModel } from '../conformance/workbench.js'
import { INPUT_IDS, LOGITS, lowerTinyModel, tinyModel } from '../models/tiny-model.js'

const topic = 'computation'

/** What a quantized model computes, and what it becomes when it is dequantized. */
export const computationChecks = (options: ConformanceOptions): readonly ConformanceCheck[] => [
  ...needing(
    ['quantizing'],
    forEachConfig(options, topic, {
      'exact logits are those of the dequantized float model (rows 9, 23)': exactLogits,
      'fast logits are close to the exact ones, with much memory and with little': fastLogits,
      'constants that threads make are those of the lowering': constantsOfThreads,
      'dequantizing leaves a float model without a trace of quantization (row 9)': dequantize,
    }),
  ),
  ...needing(
    ['quantizing', 'saving'],
    forEachConfig(options, topic, {
      'a saved model has the logits of the one that was saved (row 13)': reloadedLogits,
    }),
  ),
]

const EXACT =
  "'exact' computes in float32 with the values of dequantize, so nothing but dequantize decides the logits"

/** Two sequences of six tokens. */
const IDS = BigInt64Array.from([1, 17, 4, 60, 33, 2, 90, 8, 8, 41, 0, 95], BigInt)

async function logitsOf(
  bench: Workbench,
  { shell }: Pick<WorkbenchModel, 'shell'>,
  compute: Compute,
  memory: 'auto' | 'low' = 'auto',
): Promise<Float32Array> {
  const folder = bench.newFolder()
  await mkdir(folder)
  const graph = lowerTinyModel(shell, { compute, memory })
  await using session = await bench.graphs.open(await writeArtifact(folder, graph))
  const feeds = { [INPUT_IDS]: { dtype: 'int64', shape: [2, 6], data: IDS.slice() } } as const
  return (await session.run(feeds, [LOGITS]))[LOGITS]!.data as Float32Array
}

async function quantized(bench: Workbench, { config }: NamedConfig): Promise<WorkbenchModel> {
  const layout = tinyModel()
  return bench.load({ from: await bench.checkpoint(layout), layout, config })
}

/** Puts float weights in the place of the quantized ones. */
async function toFloat(bench: Workbench, { shell }: WorkbenchModel): Promise<void> {
  const store = createScratchStore(bench.newFolder())
  await succeeding('dequantizing', 'every format restores its weights', () => dequantizeModel(shell, store))
}

async function exactLogits(bench: Workbench, named: NamedConfig): Promise<void> {
  const model = await quantized(bench, named)
  const exact = await succeeding('computing exactly', EXACT, () => logitsOf(bench, model, 'exact'))
  await toFloat(bench, model)
  demandClose(
    'exact logits and those of the dequantized model',
    exact,
    await logitsOf(bench, model, 'exact'),
    1e-5,
    EXACT,
  )
}

async function fastLogits(bench: Workbench, named: NamedConfig): Promise<void> {
  const contract =
    '`lower` computes x·Wᵀ without bias with the weights that `dequantize` restores, up to the error of its faster arithmetic; where it has no nodes, it returns undefined'
  const model = await quantized(bench, named)
  const exact = await logitsOf(bench, model, 'exact')
  for (const memory of ['auto', 'low'] as const) {
    const name = `computing fast with memory '${memory}'`
    const fast = await succeeding(name, contract, () => logitsOf(bench, model, 'fast', memory))
    demandClose(`fast logits with memory '${memory}' and exact ones`, fast, exact, named.fastError, contract)
  }
}

async function constantsOfThreads(bench: Workbench, named: NamedConfig): Promise<void> {
  const contract =
    '`pieces` of a constant are calls of kernels that make the bytes of `chunks`, each of them once; large models are made of pieces, small ones of chunks'
  const { shell } = await quantized(bench, named)
  for (const { name, chunks, pieces } of lowerTinyModel(shell, { compute: 'fast', memory: 'auto' })
    .constants) {
    const calls = pieces?.()
    if (calls === undefined) continue
    const parts: Uint8Array[] = []
    for await (const bytes of chunks()) parts.push(bytes.slice())
    const wanted = Buffer.concat(parts)
    const found = new Uint8Array(new SharedArrayBuffer(wanted.length)).fill(UNTOUCHED)
    for (const { output, ...task } of calls) {
      const { offset: byteOffset, ...range } = output
      const outputs = [{ ...range, buffer: found.buffer, byteOffset }]
      await succeeding(`making ${name} in a thread`, contract, () => bench.pool.run({ ...task, outputs }))
    }
    const at = wanted.findIndex((byte, index) => byte !== found[index])
    const difference = () => `byte ${at} of ${name} is ${found[at]} in pieces, and ${wanted[at]} in chunks`
    demand(at < 0, difference, contract)
  }
}

/** What stands where no piece has written. */
const UNTOUCHED = 0x5a

async function reloadedLogits(bench: Workbench, named: NamedConfig): Promise<void> {
  const layout = tinyModel()
  const model = await quantized(bench, named)
  const again = await bench.load({ from: await bench.save(model), layout })
  const [saved, found] = [await logitsOf(bench, model, 'exact'), await logitsOf(bench, again, 'exact')]
  demandClose(
    'logits of the reloaded model and of the one that was saved',
    found,
    saved,
    0,
    'equal bytes are read in the same way',
  )
}

async function dequantize(bench: Workbench, named: NamedConfig): Promise<void> {
  const contract =
    'a dequantized model is a float model: no quantized module, no quantization_config, and it saves and loads as such'
  const layout = tinyModel()
  const model = await quantized(bench, named)
  const exact = await logitsOf(bench, model, 'exact')
  await toFloat(bench, model)
  const [left] = quantizedModules(model.shell).keys()
  demand(left === undefined, `${left} is still quantized`, contract)
  const { document: config } = await readJsonFile(join(model.from, 'config.json'))
  const out = bench.newFolder()
  const { shell, dtype, from: sourceFolder } = model
  await saveModel(out, { shell, config, dtype, sourceFolder, pool: bench.pool, quantizer: undefined })
  const again = await succeeding('loading the dequantized model', contract, () =>
    bench.load({ from: out, layout }),
  )
  demand(again.quantizer === undefined, 'the saved model is loaded as a quantized one', contract)
  demandClose(
    'logits of the saved float model and exact ones',
    await logitsOf(bench, again, 'exact'),
    exact,
    1e-5,
    contract,
  )
}

/** @param share largest difference, as a share of the largest logit. */
export function demandClose(
  name: string,
  found: Float32Array,
  wanted: Float32Array,
  share: number,
  contract: string,
): void {
  let [largest, difference] = [0, 0]
  for (const [index, value] of wanted.entries()) {
    largest = Math.max(largest, Math.abs(value))
    const own = Math.abs(value - found[index]!)
    difference = Number.isNaN(own) ? Number.POSITIVE_INFINITY : Math.max(difference, own)
  }
  demand(
    found.length === wanted.length && difference <= share * largest,
    () =>
      `${name} differ by ${difference.toPrecision(3)}, ${Number(((100 * difference) / largest).toPrecision(3))} % of the largest logit; at most ${100 * share} % are allowed`,
    contract,
  )
}
