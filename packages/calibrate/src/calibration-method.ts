import type {
  FloatTensors,
  GroupStatistics,
  KernelWorkers,
  QuantizedFormat,
  Rescaling,
  StatisticsRequest,
  WaitingWeight,
} from '@hfquant/core'
import type { CalibrationSettings } from './calibration-settings.js'
import type { ScratchArrays } from './scratch-arrays.js'
import type { Stopwatch } from './stopwatch.js'

/** How a method quantizes the weights of a block, once it knows what they multiply. */
export type CalibrationMethod = LevelMethod | BlockMethod

interface CommonMethod {
  /** Named in the manifest of what an interrupted run leaves in the cache folder. */
  readonly name: string
  /**
   * Everything that the bytes of a block depend on beside the checkpoint and the tokens, in a form that JSON tells apart;
   * a revision of the method included.
   */
  readonly identity: unknown
  readonly data: CalibrationSettings
  /** How stored components are read: of a weight that was made now, or by an earlier run. */
  formatOf(weight: WaitingWeight, parts: PackedParts): QuantizedFormat
}

/** Makes the weights of a block in the order in which they work; each block reads what the quantized ones before it give. */
export interface LevelMethod extends CommonMethod {
  readonly kind: 'levels'
  /**
   * True: modules of a block one after the other, each with the inputs that the quantized earlier ones give it. False: all of
   * them with the inputs that the float ones give.
   */
  readonly sequential: boolean
  /** What is added up over the inputs of modules. */
  readonly statistics: StatisticsRequest
  /** Quantizes modules that need no results of each other. */
  level(groups: readonly SeenGroup[], tools: LevelTools): AsyncIterable<MadeWeight>
}

/**
 * Makes the weights of a block together, from what the float model computes: blocks are independent of each other. The method
 * may change what stays in float, such as norms.
 */
export interface BlockMethod extends CommonMethod {
  readonly kind: 'blocks'
  /** Observes first, as often as it likes; then changes floats, and gives all weights of the block. */
  block(block: SeenBlock, tools: LevelTools): AsyncIterable<MadeWeight>
}

/** A block whose weights wait. */
export interface SeenBlock {
  readonly weights: readonly WaitingWeight[]
  /** Channels that may be divided where they are made and multiplied where they are read. */
  readonly rescalings: readonly Rescaling[]
  /** What is written is kept for a run that goes on where this one was interrupted. */
  readonly floats: FloatTensors
  /**
   * Runs the float block on all sequences, and adds up over the inputs of its weights; groups of weights come together as
   * far as their statistics fit in memory.
   */
  observe(statistics: StatisticsRequest): AsyncIterable<readonly SeenGroup[]>
}

/** Weights that multiply the same inputs, and what is known of these. */
export interface SeenGroup extends Omit<GroupStatistics, 'moments'> {
  readonly weights: readonly WaitingWeight[]
  /** For the method to empty: panels that stay in the list stay in memory until all weights of the level are made. */
  readonly moments?: Float32Array[]
  /** Input features. */
  readonly width: number
}

/** Packed tensors of a weight by component. */
export type PackedParts = ReadonlyMap<string, Uint8Array>

/** What became of a weight. */
export interface MadeWeight {
  readonly weight: WaitingWeight
  readonly parts: PackedParts
  /** Undefined for a weight that was rounded, and where the method does not measure it. */
  readonly figures: { readonly loss: number; readonly relativeError: number } | undefined
  /** Why the weight was rounded to nearest instead of calibrated. */
  readonly rounded: string | undefined
}

/** What a method works with. */
export interface LevelTools {
  /** Tokens and sequences that count. */
  readonly tokens: number
  readonly sequences: number
  readonly pool: KernelWorkers
  readonly signal: AbortSignal | undefined
  readonly scratch: ScratchArrays
  readonly stopwatch: Stopwatch
  warn(message: string): void
}
