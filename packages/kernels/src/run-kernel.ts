import { execute } from './execute.js'
import type { KernelParams, KernelResult } from './kernel.js'
import { createWasmKernels, type WasmKernels } from './wasm/instance.js'

let shared: WasmKernels | undefined

/**
 * Runs a built-in kernel on the calling thread, for small tensors and tests. The bytes are copied into the memory of
 * one shared WebAssembly instance and back; that memory keeps the size of the largest call.
 *
 * @throws {UnknownKernelError} no kernel has this name
 * @throws {KernelArgumentError} a parameter or a byte length does not fit
 * @throws {KernelMemoryError} the call does not fit into 4 GiB
 */
export function runKernel(
  kernel: string,
  params: KernelParams,
  inputs: readonly Uint8Array[],
  outputs: readonly Uint8Array[],
): KernelResult {
  shared ??= createWasmKernels()
  return execute(shared, {
    kernel,
    params,
    inputLengths: inputs.map((input) => input.byteLength),
    outputLengths: outputs.map((output) => output.byteLength),
    load: (ranges) => {
      for (const [i, range] of ranges.entries()) range.set(inputs[i]!)
    },
    store: (ranges) => {
      for (const [i, range] of ranges.entries()) outputs[i]!.set(range)
    },
  })
}
