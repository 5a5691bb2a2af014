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
  const { run, scratchBytes, overlay } = prepare(wasm, call)
  const own = overlay ? call.outputLengths.slice(1) : call.outputLengths
  const ranges = layOut(wasm, [...call.inputLengths, ...own, scratchBytes])
  const scratch = ranges.pop()!
  const inputs = ranges.slice(0, call.inputLengths.length)
  const outputs = [...(overlay ? [inputs[0]!] : []), ...ranges.slice(call.inputLengths.length)]
  call.load(inputs)
  const { nonFinite } = run(inputs, outputs, scratch)
  call.store(outputs)
  return { nonFinite }
}

interface Prepared {
  readonly run: (
    inputs: readonly Uint8Array[],
    outputs: readonly Uint8Array[],
    scratch: Uint8Array,
  ) => KernelResult
  readonly scratchBytes: number
  readonly overlay: boolean
}

function prepare(
  wasm: WasmKernels,
  { kernel, params, inputLengths, outputLengths, plugIn = {} }: Execution,
): Prepared {
  const definition = builtInKernels.get(kernel)
  if (definition !== undefined) {
    const parsed = checkCall(definition, params, inputLengths, outputLengths)
    return {
      run: (inputs, outputs, scratch) => definition.simd(parsed, wasm, inputs, outputs, scratch),
      scratchBytes: definition.scratch?.(parsed) ?? 0,
      overlay: definition.overlay ?? false,
    }
  }
  if (!Object.hasOwn(plugIn, kernel)) {
    throw new UnknownKernelError(kernel, [...builtInKernels.keys(), ...Object.keys(plugIn)])
  }
  const plugged = plugIn[kernel]!
  const run: Prepared['run'] = (inputs, outputs) => {
    for (const output of outputs) output.fill(0)
    return plugged({ params, inputs, outputs })
  }
  return { run, scratchBytes: 0, overlay: false }
}
