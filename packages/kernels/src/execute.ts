import { checkCall } from './check-call.js'
import { UnknownKernelError } from './errors.js'
import type { KernelFunction, KernelParams, KernelResult } from './kernel.js'
import { builtInKernels } from './registry.js'
import type { WasmKernels } from './wasm/instance.js'
import { layOut } from './wasm/lay-out.js'

/** A kernel call whose bytes are moved by the caller. */
export interface Execution {
  readonly kernel: string
  readonly params: KernelParams
  readonly inputLengths: readonly number[]
  readonly outputLengths: readonly number[]
  /** Kernels of a plug-in module; built-in ones win over theirs of the same name. */
  readonly plugIn?: Readonly<Record<string, KernelFunction>>
  /** Fills the inputs, which lie in the instance's memory. */
  readonly load: (inputs: readonly Uint8Array[]) => void
  /** Takes the outputs away. */
  readonly store: (outputs: readonly Uint8Array[]) => void
}

/** Checks the call, lays inputs and outputs into the instance's memory and runs the kernel there. */
export function execute(wasm: WasmKernels, call: Execution): KernelResult {
  const run = prepare(wasm, call)
  const ranges = layOut(wasm, [...call.inputLengths, ...call.outputLengths])
  const inputs = ranges.slice(0, call.inputLengths.length)
  const outputs = ranges.slice(call.inputLengths.length)
  call.load(inputs)
  const { nonFinite } = run(inputs, outputs)
  call.store(outputs)
  return { nonFinite }
}

type Run = (inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]) => KernelResult

function prepare(
  wasm: WasmKernels,
  { kernel, params, inputLengths, outputLengths, plugIn = {} }: Execution,
): Run {
  const definition = builtInKernels.get(kernel)
  if (definition !== undefined) {
    const parsed = checkCall(definition, params, inputLengths, outputLengths)
    return (inputs, outputs) => definition.simd(parsed, wasm, inputs, outputs)
  }
  if (!Object.hasOwn(plugIn, kernel)) {
    throw new UnknownKernelError(kernel, [...builtInKernels.keys(), ...Object.keys(plugIn)])
  }
  const plugged = plugIn[kernel]!
  return (inputs, outputs) => {
    for (const output of outputs) output.fill(0)
    return plugged({ params, inputs, outputs })
  }
}
