import {
  CheckpointError,
  type CheckpointTensor,
  type ComponentRows,
  type DeferredWeight,
  type Dtype,
  type PostprocessContext,
  type QuantizedModule,
  RuntimeError,
  storageRange,
  tensorBytes,
  writeRange,
} from '@hfquant/core'
import { settingsFor } from '../config/read-settings.js'
import type { GptqSettings, ModuleSettings } from '../config/settings.js'
import { gridRules } from '../format/choose-format.js'
import { encodeWeight, type QuantizedRows } from '../format/encode.js'
import { isPlain, runOrder } from '../format/group-index.js'
import type { GptqLayout } from '../format/layout.js'
import { layoutOf } from '../format/layout-of.js'
import { type ColumnOrder, columnOrder } from './column-order.js'
import { type Factor, factorize, type Hessian, rangeOf, sharedFloats } from './factorize.js'
import { type ColumnsRequest, quantizeColumns, roundRows, type SharedWeight } from './quantize-columns.js'
import type { Stopwatch } from './stopwatch.js'

/** What became of a module. */
export interface ModuleResult {
  readonly module: QuantizedModule
  readonly layout: GptqLayout
  /** Packed tensors by component. */
  readonly parts: ReadonlyMap<string, Uint8Array>
  /** Undefined after a fallback. */
  readonly loss: number | undefined
  readonly warning: string | undefined
}

/** Quantizes modules that share a Hessian; what they have in common is factorized once. */
export interface GroupQuantizer {
  quantize(weight: DeferredWeight): Promise<ModuleResult>
}

/** @param hessian undefined when the inputs of these modules were not finite, or there were none. */
export function createGroupQuantizer(
  hessian: Hessian | undefined,
  settings: GptqSettings,
  { pool, signal }: Pick<PostprocessContext, 'pool' | 'signal'>,
  stopwatch: Stopwatch,
): GroupQuantizer {
  const factors = new Map<
    string,
    Promise<{ readonly columns: ColumnOrder; readonly factor: Factor | undefined }>
  >()
  const factorFor = (own: ModuleSettings, layout: GptqLayout, known: Hessian) => {
    const { descAct, actGroupAware, staticGroups, dampPercent } = own
    const ungrouped = own.groupSize === -1
    const rules = { groupSize: layout.groupSize, ungrouped, descAct, actGroupAware, staticGroups }
    const key = JSON.stringify([rules, dampPercent])
    const made = factors.get(key)
    if (made !== undefined) return made
    const columns = columnOrder(known.diagonal, rules)
    const damping = { dampPercent, dampAutoIncrement: settings.dampAutoIncrement }
    const making = stopwatch
      .measure('factorization', () => factorize(known, columns, damping, pool, signal))
      .then((factor) => ({ columns, factor }))
    // Modules of one group mostly have the same settings; another factor replaces the old one.
    factors.clear()
    factors.set(key, making)
    return making
  }
  return {
    async quantize({ module, source }) {
      const { path } = module.weight
      const own = settingsFor(settings, path)!
      const layout = layoutOf(module)!
      const { columns, factor } =
        hessian === undefined
          ? { columns: undefined, factor: undefined }
          : await factorFor(own, layout, hessian)
      const weight = await stopwatch.measure('javascript', () => readWeight(module, source, { pool, signal }))
      const request: ColumnsRequest = { weight, layout, rules: gridRules(own, settings), pool, signal }
      if (hessian === undefined || factor === undefined || columns === undefined) {
        const warning = refused(path, hessian, settings)
        const rounded = await roundRows(request)
        return { module, ...pack(module, rounded, layout), loss: undefined, warning }
      }
      const quantized = await stopwatch.measure('columns', () =>
        quantizeColumns(request, columns, factor, hessian.dead),
      )
      if (!Number.isFinite(quantized.loss)) {
        const rounded = await roundRows(request)
        const warning = fallBack(path, 'its loss is not finite', settings)
        return { module, ...pack(module, rounded, layout), loss: undefined, warning }
      }
      const packed = await stopwatch.measure('javascript', async () => pack(module, quantized, layout))
      return { module, ...packed, loss: quantized.loss, warning: undefined }
    },
  }
}

function refused(path: string, hessian: Hessian | undefined, settings: GptqSettings): string {
  const reason =
    hessian === undefined
      ? 'the calibration data gave it no finite inputs, or none at all'
      : 'the Hessian of its inputs is not positive definite, however much it is damped'
  return fallBack(path, reason, settings)
}

function fallBack(path: string, reason: string, { fallback }: GptqSettings): string {
  if (fallback === 'rtn') return `${path} was rounded to nearest instead of calibrated: ${reason}`
  throw new RuntimeError('CALIBRATION_FAILED', `${path} cannot be calibrated: ${reason}`, {
    module: path,
    tensor: `${path}.weight`,
    found: reason,
    expected: 'a positive definite Hessian',
    hint: "Use more and more varied calibration text, a larger damp_percent, or fallback: 'rtn'.",
  })
}

/** The float weight in the dtype that quantization starts from, widened to float32. */
async function readWeight(
  { weight }: QuantizedModule,
  source: CheckpointTensor,
  { pool, signal }: Pick<PostprocessContext, 'pool' | 'signal'>,
): Promise<SharedWeight> {
  const { outFeatures: rows, inFeatures: columns, dtype, path } = weight
  const values = sharedFloats(rows * columns)
  const sourceRow = source.byteLength / rows
  // In pieces: a worker keeps the memory of its largest task.
  const step = Math.max(1, Math.floor(PIECE_BYTES / (columns * 4)))
  const running: Promise<void>[] = []
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first)
    const input = {
      fd: source.fd,
      position: source.position + first * sourceRow,
      byteLength: count * sourceRow,
    }
    const output = rangeOf(values.subarray(first * columns, (first + count) * columns))
    running.push(castPiece(input, source.dtype, dtype, output, { pool, signal }))
  }
  for (const result of await Promise.allSettled(running))
    if (result.status === 'rejected') throw result.reason
  const wrong = values.findIndex((value) => !Number.isFinite(value))
  if (wrong < 0) return { values, rows, columns }
  throw new CheckpointError(
    'TENSOR_NOT_FINITE',
    `"${path}.weight" in ${source.file} holds ${values[wrong]} in row ${Math.floor(wrong / columns)}`,
    {
      module: path,
      tensor: `${path}.weight`,
      file: source.file,
      found: values[wrong],
      hint: 'No integer format can hold these values; repair the checkpoint, or leave the module in float.',
    },
  )
}

const PIECE_BYTES = 4 * 2 ** 20

type Range = Parameters<PostprocessContext['pool']['run']>[0]['inputs'][number]

async function castPiece(
  input: Range,
  stored: Dtype,
  own: Dtype,
  output: ReturnType<typeof rangeOf>,
  { pool, signal }: Pick<PostprocessContext, 'pool' | 'signal'>,
): Promise<void> {
  const options = signal === undefined ? {} : { signal }
  const cast = (from: Dtype, to: Dtype, inputs: Range[], outputs: Range[]) =>
    pool.run({ kernel: 'cast', params: { from, to }, inputs, outputs }, options)
  if (stored === own) {
    await cast(own, 'float32', [input], [output])
    return
  }
  const between = new Uint8Array(new SharedArrayBuffer(tensorBytes(own, [output.byteLength / 4])))
  await cast(stored, own, [input], [rangeOf(between)])
  await cast(own, 'float32', [rangeOf(between)], [output])
}

function pack(
  module: QuantizedModule,
  quantized: QuantizedRows,
  layout: GptqLayout,
): Pick<ModuleResult, 'parts' | 'layout'> {
  const parts = new Map(
    module.components.map(({ key, dtype, shape }) => [key, new Uint8Array(tensorBytes(dtype, shape))]),
  )
  encodeWeight(quantized, rowsOf(parts), module.weight, layout)
  return { parts, layout: settledLayout(layout, quantized.groupOf) }
}

/** The layout with the order in which scattered groups become runs. */
export const settledLayout = (layout: GptqLayout, groupOf: Int32Array): GptqLayout => ({
  ...layout,
  order: isPlain(groupOf, layout.groupSize) ? undefined : (runOrder(groupOf, layout.groupSize) ?? null),
})

const rowsOf = (parts: ReadonlyMap<string, Uint8Array>): Pick<ComponentRows, 'bytes' | 'int32'> => ({
  bytes: (key) => parts.get(key)!,
  int32: (key) => {
    const { buffer, byteOffset, byteLength } = parts.get(key)!
    return new Int32Array(buffer, byteOffset, byteLength / 4)
  },
})

/** Writes packed tensors where the model keeps them. */
export async function storeParts(
  module: QuantizedModule,
  parts: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  for (const [key, bytes] of parts) await writeRange(storageRange(module.component(key)).range, bytes)
}
