import { checkCall } from '../check-call.js'
import { KernelArgumentError, UnknownKernelError } from '../errors.js'
import type { KernelParams } from '../kernel.js'
import { builtInKernels } from '../registry.js'
import { type ByteRange, isFileRange, spanOf } from './byte-range.js'

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
  const span = spanOf(range)
  if (span === range.buffer.byteLength) return range
  const { byteOffset } = range
  return { ...range, buffer: range.buffer.slice(byteOffset, byteOffset + span), byteOffset: 0 }
}

function byteLength(range: ByteRange): number {
  return range.byteLength
}

function checkRange(kernel: string, which: string, range: ByteRange): void {
  checkSpacing(kernel, which, range)
  const start = isFileRange(range) ? range.position : range.byteOffset
  const end = start + spanOf(range)
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

function checkSpacing(kernel: string, which: string, { spacing, byteLength }: ByteRange): void {
  if (spacing === undefined) return
  const { pieceBytes, strideBytes } = spacing
  const isSound = Number.isSafeInteger(pieceBytes) && Number.isSafeInteger(strideBytes) && pieceBytes > 0
  if (isSound && strideBytes >= pieceBytes && byteLength % pieceBytes === 0) return
  throw new KernelArgumentError(
    kernel,
    `${which}, spacing`,
    `${byteLength} bytes in pieces of ${pieceBytes}, one every ${strideBytes}`,
    'whole pieces that do not overlap',
  )
}
