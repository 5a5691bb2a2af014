/// <reference path="./webassembly.d.ts" />
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { FloatDtype } from '../reference/float-formats.js'

/** Signatures of `assembly/`; every pointer is an address in `memory`. */
export interface WasmExports {
  readonly memory: WebAssembly.Memory
  heapBase(): number
  copy(byteLength: number, source: number, target: number): void
  cast(from: number, to: number, count: number, source: number, target: number): void
  rowAbsMax(dtype: number, rows: number, columns: number, source: number, target: number): number
  intGroups(
    dtype: number,
    scaleDtype: number,
    mapping: number,
    bits: number,
    eps: number,
    groups: number,
    groupSize: number,
    source: number,
    codes: number,
    scales: number,
    zeroPoints: number,
  ): number
  dequantizeGroups(
    dtype: number,
    scaleDtype: number,
    groups: number,
    groupSize: number,
    codes: number,
    scales: number,
    zeroPoints: number,
    target: number,
  ): void
  offsetCodes(count: number, source: number, target: number): void
  packNibbles(rows: number, columns: number, rowBytes: number, source: number, target: number): void
}

/** One instance of the compiled kernels with its own linear memory. */
export interface WasmKernels {
  readonly exports: WasmExports
}

/** Numbers that stand for dtypes in `assembly/dtypes.ts`. */
export const DTYPE_NUMBER: Readonly<Record<FloatDtype, number>> = { float32: 0, bfloat16: 1, float16: 2 }

/** Numbers that stand for mappings in `assembly/int-groups.ts`. */
export const MAPPING_NUMBER = { symmetric: 0, symmetricNoClippingErr: 1, asymmetric: 2 } as const

let compiled: WebAssembly.Module | undefined

/** Compiles the module once per thread and makes an instance of it. */
export function createWasmKernels(): WasmKernels {
  // The package finds itself by name, which works from src/ as well as from dist/.
  compiled ??= new WebAssembly.Module(
    readFileSync(createRequire(import.meta.url).resolve('@hfquant/kernels/kernels.wasm')),
  )
  return { exports: new WebAssembly.Instance(compiled).exports as unknown as WasmExports }
}
