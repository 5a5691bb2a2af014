import { runKernel } from '@hfquant/kernels'
import type { FloatDtype } from '../contract/tensor.js'

import { joinPath, replaceModule, walkModules } from '../shell/module.js'
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
    let offset = 0
    for await (const chunk of dequantizedChunks(module)) {
      const bytes = narrow(chunk, weightOf(module).dtype as FloatDtype)
      await writeRange(subRange(target, offset, bytes.byteLength), bytes)
      offset += bytes.byteLength
    }
  }
  for (const [path, module] of modules) {
    weightOf(module).storage = places.get(joinPath(path, 'weight'))!.storage
    replaceModule(shell.root, path, module.replaced)
  }
}

function narrow(floats: Uint8Array, dtype: FloatDtype): Uint8Array {
  if (dtype === 'float32') return floats
  const out = new Uint8Array(floats.byteLength / 2)
  runKernel('cast', { from: 'float32', to: dtype }, [floats], [out])
  return out
}
