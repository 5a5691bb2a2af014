import type { Calibration } from './calibration.js'
import type { QuantizedFormat, WeightInfo } from './format.js'
import type { StoredBytes } from './stored-bytes.js'

/** A quantized weight of a model that is in place. */
export interface PlacedWeight {
  readonly info: WeightInfo
  readonly format: QuantizedFormat
  /** Bytes of a component. */
  read(key: string): Promise<Uint8Array>
  /** Puts other bytes of the same size in the place of a component. */
  write(key: string, bytes: Uint8Array): Promise<void>
  /** From now on the same components are read in another way. */
  reformat(format: QuantizedFormat): void
}

/** A weight that waits: its components have room and no content, and the model computes with the float weight. */
export interface WaitingWeight extends PlacedWeight {
  /** Name of the float tensor, its file and its size. */
  readonly tensor: string
  readonly file: string
  readonly byteLength: number
  /**
   * The rows `first` to `end` - 1 of the float weight, in `info.dtype`.
   *
   * @param room shared memory of some bytes, for rows that have to be cast or turned on the way.
   * @returns where the rows are: in the file, or in the memory that `room` gave.
   */
  rows(
    first: number,
    end: number,
    room: (byteLength: number, use: 'rows' | 'turned') => MemoryBytes,
  ): Promise<StoredBytes>
  /** Puts all components in place; the model computes with them from now on. */
  settle(parts: ReadonlyMap<string, Uint8Array>, format: QuantizedFormat): Promise<void>
}

export interface MemoryBytes {
  readonly buffer: SharedArrayBuffer | ArrayBuffer
  readonly byteOffset: number
  readonly byteLength: number
}

/** A kernel call on bytes where they lie. */
export interface KernelWork {
  readonly kernel: string
  readonly params: Readonly<Record<string, number | string | boolean>>
  readonly inputs: readonly StoredBytes[]
  /** In files, or in shared memory. */
  readonly outputs: readonly StoredBytes[]
  /** File URL of an ES module that exports `kernels`. */
  readonly module?: string
}

/** Threads that run kernels. */
export interface KernelWorkers {
  readonly workers: number
  /** @throws the reason of `signal`. */
  run(work: KernelWork, options?: { readonly signal?: AbortSignal }): Promise<{ readonly nonFinite: number }>
}

/** Tensors that are saved in float: of norms, biases, and weights of layers that are not quantized. By their full names. */
export interface FloatTensors {
  has(name: string): boolean
  /** Its values, in the order in which the model has them. */
  read(name: string): Promise<Float32Array>
  /**
   * Puts other values in their place, rounded to the dtype of the tensor; in the files of the model that is made, never in
   * those of the checkpoint.
   *
   * @throws RuntimeError VALUE_RANGE for a value that the dtype does not hold.
   */
  write(name: string, values: Float32Array): Promise<void>
}

/** What a method works with that calibrates. */
export interface CalibrationContext {
  /** Weights that wait, in the order of the model. */
  readonly waiting: readonly WaitingWeight[]
  /** Every quantized weight of the model. */
  placed(): readonly PlacedWeight[]
  readonly floats: FloatTensors
  /** Undefined when nothing waits, or the architecture cannot be run block by block. */
  readonly model: Calibration | undefined
  readonly checkpoint: { readonly folder: string; identity(): Promise<string> }
  readonly pool: KernelWorkers
  readonly signal: AbortSignal | undefined
  /** Called when a weight is made. */
  progress(weight: WaitingWeight, figures: CalibrationFigures): void
  /** Something that the user should know and that is no error. */
  warn(message: string): void
}

/** What making a weight came to. */
export interface CalibrationFigures {
  /** As the method measures it. */
  readonly loss?: number
  /** The share of the module's outputs that quantizing it took away, comparable between modules. */
  readonly relativeError?: number
  /** Seconds since the weight before, by kind of work. */
  readonly seconds: Readonly<Record<string, number>>
}
