import type { CalibrationContext, PlacedWeight, WaitingWeight } from '../contract/calibration-context.js'
import type { QuantizedFormat } from '../contract/format.js'
import { writeRange } from '../load/byte-range.js'
import { checkpointIdentity } from '../load/checkpoint-identity.js'
import { readParameter } from '../load/read-parameter.js'
import { readRows } from '../load/read-rows.js'
import { checkpointSource } from '../load/tensor-source.js'
import { findModule, walkModules } from '../shell/module.js'
import { placeQuantized, QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import { storageRange } from '../shell/storage-range.js'
import { floatTensors } from './float-tensors.js'
import type { DeferredWeight, PostprocessContext } from './hf-quantizer.js'

/** A loaded model as a method sees it that quantizes what waits. */
export function calibrationContext(context: PostprocessContext): CalibrationContext {
  const { shell, checkpoint, pool, signal, calibration, deferred, onProgress } = context
  const total = deferred.length
  const totalBytes = deferred.reduce((sum, { source }) => sum + source.byteLength, 0)
  let [done, doneBytes] = [0, 0]
  return {
    waiting: deferred.map((weight) => waitingWeight(weight, context)),
    placed: () => [...walkModules(shell.root)].flatMap(([path, module]) => placedAt(path, module, shell)),
    floats: floatTensors(shell),
    model: calibration,
    checkpoint: { folder: checkpoint.folder, identity: () => checkpointIdentity(checkpoint) },
    pool,
    signal,
    progress({ tensor, byteLength }, figures) {
      done += 1
      doneBytes += byteLength
      onProgress?.({ stage: 'calibrate', tensor, done, total, doneBytes, totalBytes, ...figures })
    },
    warn: (message) => context.warn(message),
  }
}

const placedAt = (path: string, module: unknown, shell: Shell): readonly PlacedWeight[] =>
  module instanceof QuantizedModule && module.info.path === path ? [placedWeight(path, shell)] : []

/** Looks the module up again each time: another one takes its place when its format changes. */
function placedWeight(path: string, shell: Shell): PlacedWeight {
  const module = () => findModule(shell.root, path) as QuantizedModule
  return {
    get info() {
      return module().info
    },
    get format() {
      return module().format
    },
    read: (key) => readParameter(module().component(key)),
    write: (key, bytes) => writeRange(storageRange(module().component(key)).range, bytes),
    reformat: (format) => reformat(module(), format, shell),
  }
}

/** The same weight in the same place, read in another way. */
function reformat(module: QuantizedModule, format: QuantizedFormat, shell: Shell): void {
  const changed = new QuantizedModule(module.info, format, module.replaced)
  for (const [key, parameter] of module.parameters) changed.parameters.set(key, parameter)
  placeQuantized(shell.root, changed)
}

function waitingWeight(
  { module, source }: DeferredWeight,
  { shell, pool, signal, calibration }: PostprocessContext,
): WaitingWeight {
  const { info } = module
  const placed = placedWeight(info.path, shell)
  const matrix = { source: checkpointSource(source), slot: module.replaced.slot, dtype: info.dtype }
  return Object.defineProperties(
    {
      tensor: module.tensor,
      file: source.file,
      byteLength: source.byteLength,
      rows: (first: number, end: number, room: Parameters<WaitingWeight['rows']>[2]) =>
        readRows(matrix, [first, end], room, { pool, signal }),
      async settle(parts: ReadonlyMap<string, Uint8Array>, format: QuantizedFormat) {
        for (const [key, bytes] of parts) await placed.write(key, bytes)
        placed.reformat(format)
        calibration?.settle(info.path)
      },
    },
    Object.getOwnPropertyDescriptors(placed),
  ) as WaitingWeight
}
