import { checkCall } from '../check-call.js'
import { KernelArgumentError, UnknownKernelError } from '../errors.js'
import type { KernelParams } from '../kernel.js'
import { builtInKernels } from '../registry.js'
import { type ByteRange, isFileRange } from './byte-range.js'

/** One kernel call; inputs and outputs are those of the kernel, in its order. */
export interface KernelTask {
  readonly kernel: string
  readonly params: KernelParams
  readonly inputs: readonly ByteRange[]
  /** Files or `SharedArrayBuffer`s. */
  readonly outputs: readonly ByteRange[]
  /** URL of an ES module whose `kernels` export (name -> `KernelFunction`) adds kernels; imported in the worker. */
  readonly module?: string
}

/** Checks a task as far as that is possible without reading anything. */
export function checkTask(task: KernelTask): void {
  const { kernel, inputs, outputs } = task
  for (const [i, range] of inputs.entries()) checkRange(kernel, `input ${i}`, range)
  for (const [i, range] of outputs.entries()) {
    checkRange(kernel, `output ${i}`, range)
    if (!isFileRange(range) && !(range.buffer instanceof SharedArrayBuffer)) {
      throw new KernelArgumentError(
        kernel,
        `output ${i}`,
        'an ArrayBuffer',
        'a SharedArrayBuffer or a file range',
      )
    }
  }
  const definition = builtInKernels.get(kernel)
  if (definition !== undefined) {
    checkCall(definition, task.params, inputs.map(byteLength), outputs.map(byteLength))
  } else if (task.module === undefined) {
    throw new UnknownKernelError(kernel, [...builtInKernels.keys()])
  }
}

/** The task as it is posted: of an `ArrayBuffer` only the bytes in range, because posting copies the whole buffer. */
export function withoutUnusedBytes(task: KernelTask): KernelTask {
  return { ...task, inputs: task.inputs.map(trim) }
}

function trim(range: ByteRange): ByteRange {
  if (isFileRange(range) || range.buffer instanceof SharedArrayBuffer) return range
  if (range.byteLength === range.buffer.byteLength) return range
  const { byteOffset, byteLength } = range
  return { buffer: range.buffer.slice(byteOffset, byteOffset + byteLength), byteOffset: 0, byteLength }
}

function byteLength(range: ByteRange): number {
  return range.byteLength
}

function checkRange(kernel: string, which: string, range: ByteRange): void {
  const start = isFileRange(range) ? range.position : range.byteOffset
  const end = start + range.byteLength
  const whole = [start, range.byteLength, end].every((value) => Number.isSafeInteger(value) && value >= 0)
  if (!whole) {
    throw new KernelArgumentError(
      kernel,
      `${which}, range`,
      `${start} + ${range.byteLength}`,
      'whole numbers',
    )
  }
  if (!isFileRange(range) && end > range.buffer.byteLength) {
    throw new KernelArgumentError(kernel, `${which}, end`, end, `at most ${range.buffer.byteLength}`)
  }
}
