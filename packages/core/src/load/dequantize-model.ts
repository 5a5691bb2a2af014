import { type ByteRange, castFloats, runKernel } from '@hfquant/kernels'
import type { FloatDtype } from '../contract/tensor.js'

import { Conv1D, joinPath, replaceModule, walkModules } from '../shell/module.js'
import { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import { subRange, writeRange } from './byte-range.js'
import { dequantizedChunks } from './read-parameter.js'
import type { TensorStore } from './store.js'

/**
 * Puts float modules in the place of the quantized ones, with the weights that those stand for, rounded to the dtype of
 * the shell. Weights are restored piece by piece into `store`.
 *
 * @throws the reason of `signal`, between two weights; the shell is then as it was.
 */
export async function dequantizeModel(
  shell: Shell,
  store: TensorStore,
  signal?: AbortSignal | undefined,
): Promise<void> {
  const modules = [...walkModules(shell.root)].filter(
    (entry): entry is readonly [string, QuantizedModule] => entry[1] instanceof QuantizedModule,
  )
  const weightOf = (module: QuantizedModule) => module.replaced.weight
  const places = await store.allocate(
    modules.map(([path, module]) => ({
      name: joinPath(path, 'weight'),
      dtype: weightOf(module).dtype,
      shape: weightOf(module).shape,
    })),
  )
  for (const [path, module] of modules) {
    signal?.throwIfAborted()
    const { target } = places.get(joinPath(path, 'weight'))!
    const dtype = weightOf(module).dtype as FloatDtype
    if (module.replaced instanceof Conv1D) await writeTransposed(module, dtype, target)
    else await writeRows(module, dtype, target)
  }
  for (const [path, module] of modules) {
    weightOf(module).storage = places.get(joinPath(path, 'weight'))!.storage
    replaceModule(shell.root, path, module.replaced)
  }
}

async function writeRows(module: QuantizedModule, dtype: FloatDtype, target: ByteRange): Promise<void> {
  let offset = 0
  for await (const chunk of dequantizedChunks(module)) {
    const bytes = castFloats(chunk, 'float32', dtype)
    await writeRange(subRange(target, offset, bytes.byteLength), bytes)
    offset += bytes.byteLength
  }
}

/** A layer that stores [in, out]: the whole weight is turned in memory. */
async function writeTransposed(module: QuantizedModule, dtype: FloatDtype, target: ByteRange): Promise<void> {
  const { outFeatures, inFeatures } = module.weight
  const rows = new Uint8Array(target.byteLength)
  let offset = 0
  for await (const chunk of dequantizedChunks(module)) {
    const bytes = castFloats(chunk, 'float32', dtype)
    rows.set(bytes, offset)
    offset += bytes.byteLength
  }
  const turned = new Uint8Array(rows.byteLength)
  runKernel('transposeFloats', { dtype, rows: outFeatures, columns: inFeatures }, [rows], [turned])
  await writeRange(target, turned)
}
