import { KernelMemoryError } from '../errors.js'
import type { WasmKernels } from './instance.js'

const PAGE_BYTES = 65_536
/** A 32-bit module cannot address more. */
const MAX_MEMORY_BYTES = 65_536 * PAGE_BYTES
/** Width of a SIMD vector; aligned inputs spare the processor split loads. */
const ALIGNMENT = 16

/** Byte ranges in the instance's memory, one for each length, growing the memory when needed. Earlier ranges die. */
export function layOut({ exports }: WasmKernels, byteLengths: readonly number[]): Uint8Array[] {
  const starts: number[] = []
  let end = exports.heapBase()
  for (const length of byteLengths) {
    const start = Math.ceil(end / ALIGNMENT) * ALIGNMENT
    starts.push(start)
    end = start + length
  }
  if (end > MAX_MEMORY_BYTES)
    throw new KernelMemoryError(
      `a kernel call needs ${end} bytes of memory, the limit is ${MAX_MEMORY_BYTES}`,
    )
  const missing = Math.ceil((end - exports.memory.buffer.byteLength) / PAGE_BYTES)
  if (missing > 0) {
    try {
      exports.memory.grow(missing)
    } catch (cause) {
      throw new KernelMemoryError(`a kernel call needs ${end} bytes of memory, the system refused them`, {
        cause,
      })
    }
  }
  return starts.map((start, i) => new Uint8Array(exports.memory.buffer, start, byteLengths[i]))
}
