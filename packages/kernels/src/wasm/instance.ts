/// <reference path="./webassembly.d.ts" />
import { readFileSync } from 'node:fs'
import { AddressSpaceError } from '../errors.js'
import { installedFile } from '../installed-file.js'
import type { FloatDtype } from '../reference/float-formats.js'

/** Signatures of `assembly/`; every pointer is an address in `memory`. */
export interface WasmExports {
  readonly memory: WebAssembly.Memory
  heapBase(): number
  /** Address of 1024 bytes for constants that depend on the parameters of a call. */
  hostTable(): number
  copy(byteLength: number, source: number, target: number): void
  cast(from: number, to: number, count: number, source: number, target: number): void
  holdsNonFinite(dtype: number, byteLength: number, source: number): number
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
  bnb4Quantize(
    dtype: number,
    flush: number,
    blockSize: number,
    count: number,
    source: number,
    packed: number,
    scales: number,
  ): number
  bnb4Dequantize(
    dtype: number,
    blockSize: number,
    count: number,
    packed: number,
    scales: number,
    target: number,
  ): void
  bnb8Quantize(
    profile: number,
    blockSize: number,
    count: number,
    source: number,
    codes: number,
    scales: number,
  ): number
  bnb8Dequantize(
    blockSize: number,
    count: number,
    codes: number,
    scales: number,
    map: number,
    offset: number,
    target: number,
  ): void
  llmInt8Quantize(
    dtype: number,
    rows: number,
    columns: number,
    source: number,
    codes: number,
    scales: number,
  ): number
  llmInt8Dequantize(
    dtype: number,
    rows: number,
    columns: number,
    codes: number,
    scales: number,
    target: number,
  ): void
  configureGrid(
    bits: number,
    symmetric: number,
    oneSided: number,
    minimumZero: number,
    searchExponent: number,
    roundScales: number,
  ): void
  gptqGrid(
    dtype: number,
    rows: number,
    columns: number,
    groupSize: number,
    source: number,
    codes: number,
    scales: number,
    zeros: number,
    scratch: number,
  ): number
  gptqRound(
    from: number,
    dtype: number,
    scaleDtype: number,
    bits: number,
    rows: number,
    columns: number,
    groupSize: number,
    source: number,
    words: number,
    scales: number,
    zeros: number,
    scratch: number,
  ): number
  gptqRows(
    rows: number,
    columns: number,
    groups: number,
    groupSize: number,
    first: number,
    end: number,
    findGrids: number,
    state: number,
    factor: number,
    order: number,
    groupOf: number,
    scales: number,
    zeros: number,
    losses: number,
    scratch: number,
  ): void
  gptqFactor(
    size: number,
    panelRows: number,
    damping: number,
    hessian: number,
    diagonal: number,
    order: number,
    target: number,
    scratch: number,
  ): number
  gptqEnergy(
    rows: number,
    columns: number,
    first: number,
    end: number,
    weight: number,
    hessian: number,
    energies: number,
    scratch: number,
  ): void
  packColumns(
    bits: number,
    rows: number,
    columns: number,
    codes: number,
    words: number,
    scratch: number,
  ): void
  unpackColumns(
    bits: number,
    totalRows: number,
    columns: number,
    first: number,
    rows: number,
    rowBytes: number,
    offset: number,
    words: number,
    order: number,
    target: number,
  ): void
  dequantizeColumns(
    bits: number,
    minusOne: number,
    scaleDtype: number,
    totalRows: number,
    columns: number,
    groups: number,
    groupSize: number,
    first: number,
    rows: number,
    words: number,
    zeroPoints: number,
    scales: number,
    groupOf: number,
    target: number,
    scratch: number,
  ): void
  int4OffsetQuantize(
    dtype: number,
    groups: number,
    groupSize: number,
    source: number,
    packed: number,
    scales: number,
    offsets: number,
  ): number
  int4OffsetDequantize(
    dtype: number,
    scaleDtype: number,
    rows: number,
    groups: number,
    groupSize: number,
    outFeatures: number,
    first: number,
    packed: number,
    scales: number,
    offsets: number,
    target: number,
  ): void
  float8Dequantize(
    dtype: number,
    format: number,
    groups: number,
    groupSize: number,
    codes: number,
    scales: number,
    target: number,
  ): number
  ggufBlocks(type: number, dtype: number, count: number, source: number, target: number): number
  ggufCodes(type: number, count: number, source: number, codes: number): void
  ggufFloats(type: number, count: number, source: number, target: number): void
  ggufOffsets(type: number, count: number, source: number, offsets: number): number
  ggufScales(type: number, count: number, source: number, scales: number): number
  scaleCodes(blocks: number, size: number, codes: number, ratios: number, target: number): void
  transposeBytes(flip: number, rows: number, columns: number, source: number, target: number): void
  transposeFloats(size: number, rows: number, columns: number, source: number, target: number): void
  offsetCodes(flip: number, count: number, source: number, target: number): void
  packNibbles(rows: number, columns: number, rowBytes: number, source: number, target: number): number
  slabNibbles(bits: number, slab: number, count: number, source: number, target: number): void
  nibbleBytes(firstHigh: number, count: number, packed: number, table: number, target: number): void
  float8Grids(
    largestFinite: number,
    part: number,
    blocks: number,
    blockSize: number,
    codes: number,
    advantages: number,
    levels: number,
    target: number,
  ): number
  awqCodes(rows: number, columns: number, words: number, target: number): void
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

/**
 * Compiles the module once per thread and makes an instance of it.
 *
 * @throws AddressSpaceError where the addresses of a process are limited
 */
export function createWasmKernels(): WasmKernels {
  compiled ??= new WebAssembly.Module(
    readFileSync(installedFile('@hfquant/kernels/kernels.wasm', import.meta.url)),
  )
  return { exports: instantiate(compiled).exports as unknown as WasmExports }
}

/** The module of the package is sound and imports nothing: what is short is room. */
function instantiate(module: WebAssembly.Module): WebAssembly.Instance {
  try {
    return new WebAssembly.Instance(module)
  } catch (cause) {
    if (cause instanceof RangeError) throw new AddressSpaceError(cause)
    throw cause
  }
}
