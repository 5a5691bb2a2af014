import { type ByteRange, castFloats, runKernel } from '@hfquant/kernels'
import type { FloatDtype } from '../contract/tensor.js'
import { dropCarried } from '../dispatch/carry-tensors.js'
import { tensorBytes } from '../shell/dtype.js'
import { walkModules } from '../shell/module.js'
import { placeFloat, QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import { subRanges, writeRange } from './byte-range.js'
import { dequantizedChunks } from './read-parameter.js'
import { type TensorStore, targetsOf } from './store.js'

/**
 * Puts float weights in the place of the quantized ones, with the values that those stand for, rounded to the dtype of
 * the shell. Weights are restored piece by piece into `store`.
 *
 * @throws the reason of `signal`, between two weights; the shell is then as it was.
 */
export async function dequantizeModel(
  shell: Shell,
  store: TensorStore,
  signal?: AbortSignal | undefined,
): Promise<void> {
  const modules = [...walkModules(shell.root)].flatMap(([, module]) =>
    module instanceof QuantizedModule ? [module] : [],
  )
  const places = await store.allocate(
    modules.map(({ tensor, replaced: { parameter } }) => ({
      name: tensor,
      dtype: parameter.dtype,
      shape: parameter.shape,
    })),
  )
  for (const module of modules) {
    signal?.throwIfAborted()
    await restoreWeight(module, targetsOf(places.get(module.tensor)!))
  }
  for (const module of modules) {
    module.replaced.parameter.storage = places.get(module.tensor)!.storage
    placeFloat(shell.root, module)
  }
  dropCarried(shell)
}

/**
 * Writes the float weight that a quantized one stands for, piece by piece, in the dtype and the order of axes of the model.
 *
 * @param targets ranges that it is written to, one behind the other.
 */
export async function restoreWeight(module: QuantizedModule, targets: readonly ByteRange[]): Promise<void> {
  const pieces = module.replaced.slot.stored === 'in-out' ? turned(module) : floatRows(module)
  let offset = 0
  for await (const bytes of pieces) {
    let done = 0
    for (const range of subRanges(targets, offset, bytes.byteLength)) {
      await writeRange(range, bytes.subarray(done, done + range.byteLength))
      done += range.byteLength
    }
    offset += done
  }
}

async function* floatRows(module: QuantizedModule): AsyncGenerator<Uint8Array> {
  const dtype = module.replaced.parameter.dtype as FloatDtype
  for await (const chunk of dequantizedChunks(module)) yield castFloats(chunk, 'float32', dtype)
}

/** A weight that stores [in, out] is completed in memory, and turned. */
async function* turned(module: QuantizedModule): AsyncGenerator<Uint8Array> {
  const { outFeatures, inFeatures } = module.replaced.slot
  const dtype = module.replaced.parameter.dtype as FloatDtype
  const rows = new Uint8Array(tensorBytes(dtype, [outFeatures, inFeatures]))
  let filled = 0
  for await (const bytes of floatRows(module)) {
    rows.set(bytes, filled)
    filled += bytes.byteLength
  }
  const columns = new Uint8Array(rows.byteLength)
  runKernel('transposeFloats', { dtype, rows: outFeatures, columns: inFeatures }, [rows], [columns])
  yield columns
}
