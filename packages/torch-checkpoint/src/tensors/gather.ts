import { dtypeBytes } from './dtypes.js'
import { type Axis, type Box, boxesOf } from './strided-boxes.js'
import { MAX_OVERLAP_BYTES } from './strided-layout.js'
import type { TorchTensor } from './torch-value.js'

/** Fills `target` from a position of the file. */
export type ReadInto = (target: Uint8Array, position: number) => Promise<void>

/** As large as what an overlapping view may span: such a view is read once and then lies in memory. */
const WINDOW_BYTES = MAX_OVERLAP_BYTES

/** Reading this much more than is needed in one go is cheaper than reading the needed parts one by one. */
const MAX_WASTE = 64

/**
 * The elements [start, end) of a strided tensor in row-major order, in memory of their own.
 *
 * The file is read forwards, in windows: the boxes are walked by falling strides, not in the order of the result, so a transposed
 * matrix is not read once for each of its rows.
 */
export async function gather(
  tensor: TorchTensor,
  start: number,
  end: number,
  readInto: ReadInto,
): Promise<Uint8Array<ArrayBuffer>> {
  const itemBytes = dtypeBytes(tensor.dtype)
  const result = new Uint8Array((end - start) * itemBytes)
  for (const box of boxesOf(tensor.shape, tensor.stride, start, end)) {
    await gatherBox(box, itemBytes, result, (target, element) =>
      readInto(target, tensor.byteOffset + element * itemBytes),
    )
  }
  return result
}

async function gatherBox(
  box: Box,
  itemBytes: 1 | 2 | 4 | 8,
  result: Uint8Array<ArrayBuffer>,
  readElements: (target: Uint8Array, element: number) => Promise<void>,
): Promise<void> {
  const axes = box.axes.filter(({ size }) => size > 1).sort((a, b) => b.step - a.step)
  const row = axes.pop() ?? { size: 1, step: 1, outStep: 1 }
  const span = [...axes, row].reduce((sum, { size, step }) => sum + (size - 1) * step, 1)
  const count = [...axes, row].reduce((product, { size }) => product * size, 1)
  const rowSpan = (row.size - 1) * row.step + 1
  const isDense = span <= MAX_WASTE * count
  const boxEnd = box.from + span
  const capacity = WINDOW_BYTES / itemBytes

  const target = elementsOf(result, itemBytes)
  let window = target.subarray(0, 0)
  let windowStart = 0
  for (const { from, to } of walk(axes, box)) {
    for (let done = 0; done < row.size; ) {
      const element = from + done * row.step
      if (element < windowStart || element >= windowStart + window.length) {
        const wanted = isDense ? boxEnd - element : row.step === 1 ? rowSpan - done : 1
        const bytes = new Uint8Array(Math.min(wanted, capacity) * itemBytes)
        await readElements(bytes, element)
        window = elementsOf(bytes, itemBytes)
        windowStart = element
      }
      const available = windowStart + window.length - element
      const fit = row.step === 0 ? row.size : Math.floor((available - 1) / row.step) + 1
      const stop = Math.min(row.size, done + fit)
      for (let source = element - windowStart; done < stop; done++, source += row.step) {
        target[to + done * row.outStep] = window[source]!
      }
    }
  }
}

/** Every combination of the outer indices, the last axis fastest. */
function* walk(axes: readonly Axis[], { from, to }: Box): Generator<{ from: number; to: number }> {
  const indices = axes.map(() => 0)
  while (true) {
    yield { from, to }
    let axis = axes.length - 1
    for (; axis >= 0; axis--) {
      const { size, step, outStep } = axes[axis]!
      if (++indices[axis]! < size) {
        from += step
        to += outStep
        break
      }
      indices[axis] = 0
      from -= (size - 1) * step
      to -= (size - 1) * outStep
    }
    if (axis < 0) return
  }
}

/** Bytes as integers of the size of an element, so that no value is changed by copying it. */
function elementsOf(bytes: Uint8Array<ArrayBuffer>, itemBytes: 1 | 2 | 4 | 8): Elements {
  const length = bytes.byteLength / itemBytes
  switch (itemBytes) {
    case 1:
      return bytes
    case 2:
      return new Uint16Array(bytes.buffer, bytes.byteOffset, length)
    case 4:
      return new Uint32Array(bytes.buffer, bytes.byteOffset, length)
    case 8:
      return new BigUint64Array(bytes.buffer, bytes.byteOffset, length) as unknown as Elements
  }
}

/** Numbers of one size; those of 8 bytes are bigint, which only ever is copied. */
type Elements = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>
