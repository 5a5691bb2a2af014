import type { FloatDtype } from './reference/float-formats.js'
import type { WasmKernels } from './wasm/instance.js'

/** Parameters of a kernel call; everything here survives a trip to another thread. */
export type KernelParams = Readonly<Record<string, number | string | boolean>>

export interface KernelResult {
  /**
   * Rows or groups that could not be quantized, because they hold a NaN or an infinity; or codes that have no place in what
   * they are packed into. 0 for kernels without the notion.
   */
  readonly nonFinite: number
}

/** What a kernel of a plug-in module is called with. */
export interface KernelCall {
  readonly params: KernelParams
  /** Each begins at a multiple of 16 bytes of its buffer, so typed arrays can be laid over it. */
  readonly inputs: readonly Uint8Array[]
  /** Zero-filled when the kernel starts; aligned like the inputs. */
  readonly outputs: readonly Uint8Array[]
}

/** A kernel as a plug-in module provides it, in the record it exports as `kernels`. */
export type KernelFunction = (call: KernelCall) => KernelResult

/** Byte lengths that a call must have; the last `optional…` entries may be left out. */
export interface KernelSizes {
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
  readonly optionalInputs?: number
  readonly optionalOutputs?: number
}

/** Reads typed parameters and throws a `KernelArgumentError` that names the parameter. */
export interface ParamReader {
  /** A whole number of at least `minimum` (0 if not given) and at most `maximum`. */
  count(name: string, minimum?: number, maximum?: number): number
  dtype(name: string): FloatDtype
  optionalDtype(name: string): FloatDtype | undefined
  choice<T extends string>(name: string, choices: readonly T[]): T
  /** A finite number. */
  number(name: string): number
  flag(name: string): boolean
}

/**
 * One built-in kernel: its parameters, its shapes, the formula and the fast version of the formula. Only its own
 * `parse` ever makes the parameters; methods rather than function members let the registry forget their type.
 */
export interface KernelDefinition<P = unknown> {
  readonly name: string
  parse(read: ParamReader): P
  sizes(params: P, inputLengths: readonly number[]): KernelSizes
  /** Bytes of working memory that `simd` gets beside its inputs and outputs. */
  scratch?(params: P): number
  /** True when `simd` is done with its first input before it writes its output of the same size: they share a place. */
  readonly overlay?: boolean
  /** The formula in plain TypeScript. Arguments have passed the size check. */
  reference(params: P, inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]): KernelResult
  /** The same in WebAssembly; inputs and outputs lie in its memory, so `byteOffset` is the address. */
  simd(
    params: P,
    wasm: WasmKernels,
    inputs: readonly Uint8Array[],
    outputs: readonly Uint8Array[],
    scratch: Uint8Array,
  ): KernelResult
}

/** The result of kernels that have no notion of a refused row. */
export const ALL_FINITE: KernelResult = { nonFinite: 0 }
