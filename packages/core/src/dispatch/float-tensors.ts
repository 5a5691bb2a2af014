import { holdsNonFinite, narrowFloats, widenFloats } from '@hfquant/kernels'
import type { FloatTensors } from '../contract/calibration-context.js'
import type { FloatDtype } from '../contract/tensor.js'
import { RuntimeError } from '../errors/families.js'
import { writeRange } from '../load/byte-range.js'
import { readParameter } from '../load/read-parameter.js'
import { ownerPath } from '../shell/join-path.js'
import { findModule } from '../shell/module.js'
import type { Parameter } from '../shell/parameter.js'
import type { Shell } from '../shell/shell.js'
import { storageRanges } from '../shell/storage-range.js'

/** The parameters of a loaded model that are no components of quantized weights. */
export function floatTensors(shell: Shell): FloatTensors {
  const find = (name: string): Parameter | undefined => {
    const path = ownerPath(name)
    const parameter = findModule(shell.root, path)?.parameters.get(
      name.slice(path === '' ? 0 : path.length + 1),
    )
    return parameter?.isComponent ? undefined : parameter
  }
  const get = (name: string): Parameter => {
    const parameter = find(name)
    if (parameter === undefined) throw new TypeError(`the model has no float tensor ${name}`)
    return parameter
  }
  return {
    has: (name) => find(name) !== undefined,
    async read(name) {
      const parameter = get(name)
      return widenFloats(await readParameter(parameter), parameter.dtype as FloatDtype)
    },
    async write(name, values) {
      const parameter = get(name)
      const dtype = parameter.dtype as FloatDtype
      const bytes = narrowFloats(values, dtype)
      if (holdsNonFinite(bytes, dtype)) throw outOfRange(name, dtype)
      await put(parameter, bytes)
    },
  }
}

/** In the file that is being written; a tensor of the checkpoint stays there, and the model gets one of its own. */
async function put(parameter: Parameter, bytes: Uint8Array): Promise<void> {
  const { storage, dtype } = parameter
  const isOfModel = (storage.kind === 'file' || storage.kind === 'parts') && storage.tensor === undefined
  if (isOfModel && storage.dtype === dtype) {
    let start = 0
    for (const range of storageRanges(parameter).ranges) {
      await writeRange(range, bytes.subarray(start, start + range.byteLength))
      start += range.byteLength
    }
    return
  }
  const buffer = new SharedArrayBuffer(bytes.byteLength)
  new Uint8Array(buffer).set(bytes)
  parameter.storage = { kind: 'memory', buffer, dtype }
}

const outOfRange = (name: string, dtype: FloatDtype): RuntimeError =>
  new RuntimeError('VALUE_RANGE', `"${name}" would hold values that ${dtype} does not hold`, {
    tensor: name,
    expected: dtype,
    hint: 'Quantize the model in bfloat16 or float32 (`dtype`).',
  })
