import type { KernelPool } from '@hfquant/kernels'
import { isOutputFailure, outputError } from '../files/output-error.js'
import { createByteBudget } from '../load/byte-budget.js'
import { copyTensor } from '../load/copy-tensor.js'
import { restoreWeight } from '../load/dequantize-model.js'
import { DEFAULT_MAX_IN_FLIGHT_BYTES } from '../load/load-model.js'
import { targetsOf } from '../load/store.js'
import { streamSignal } from '../load/stream-context.js'
import type { OnProgress } from '../report/progress.js'
import type { Shell } from '../shell/shell.js'
import { storagePath, storageRanges } from '../shell/storage-range.js'
import { type SaveFolderOptions, saveFolder } from './save-folder.js'
import { stateDict } from './state-dict.js'

export interface SaveModelOptions extends SaveFolderOptions {
  readonly shell: Shell
  readonly pool: KernelPool
  readonly maxInFlightBytes?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
}

/**
 * Writes a loaded model in the layout of its method. What was loaded unchanged is written unchanged.
 *
 * @throws CapabilityError when the method cannot be saved; OutputError; the reason of `signal`.
 */
export async function saveModel(out: string, options: SaveModelOptions): Promise<void> {
  const {
    quantizer,
    shell,
    pool,
    signal,
    onProgress,
    maxInFlightBytes = DEFAULT_MAX_IN_FLIGHT_BYTES,
  } = options
  quantizer?.checkSavable()
  const restores = quantizer?.savesFloats ?? false
  const saved = restores ? { ...options, quantizer: undefined } : options
  await saveFolder(out, saved, async (store) => {
    const entries = stateDict(shell, restores)
    const places = await store.allocate(entries)
    const budget = createByteBudget(maxInFlightBytes)
    const context = { pool, budget, maxInFlightBytes, signal: streamSignal(signal) }
    const totalBytes = entries.reduce((sum, { parameter }) => sum + parameter.byteLength, 0)
    let done = 0
    let doneBytes = 0
    const running: Promise<void>[] = []
    try {
      for (const { name, parameter, restored } of entries) {
        const targets = targetsOf(places.get(name)!)
        const report = () => {
          done += 1
          doneBytes += parameter.byteLength
          onProgress?.({ stage: 'copy', tensor: name, done, total: entries.length, doneBytes, totalBytes })
        }
        if (restored !== undefined) {
          signal?.throwIfAborted()
          await restoreWeight(restored, targets)
          report()
          continue
        }
        const origin = { tensor: name, file: storagePath(parameter) }
        const copy = await copyTensor(storageRanges(parameter), parameter, targets, context, origin)
        running.push(copy.done.then(report))
        running.at(-1)!.catch(() => {})
      }
      await Promise.all(running)
    } catch (error) {
      await Promise.allSettled(running)
      throw isOutputFailure(error) ? outputError(error, out) : error
    }
  })
}
