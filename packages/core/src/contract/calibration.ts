/** What flows between the blocks of a model: float32 [sequences, tokens, width]. */
export interface HiddenStates {
  readonly data: Float32Array
  readonly shape: readonly [sequences: number, tokens: number, width: number]
  /** Which call of `embed` they come from, counted from 0: what blocks read beside them is kept for it. */
  readonly batch: number
}

/** Linear layers that read the same values, each time that they are run. */
export interface LinearGroup {
  /** Paths of the layers. */
  readonly modules: readonly string[]
  /** Input features. */
  readonly width: number
}

/** What is added up over the inputs x [tokens, width] of every group. */
export interface StatisticsRequest {
  /** Rows of the panels in which Σ x·xᵀ is handed out; without it no products are added up. */
  readonly momentPanelRows?: number
  /** Σ |x| of each channel. */
  readonly magnitudes?: boolean
  /** One of so many tokens is kept as it is. */
  readonly sampleEvery?: number
}

/** What was asked for, of one group. */
export interface GroupStatistics {
  /** The tokens that count: those routed to the group, for an expert; one that is run again counts them again. */
  readonly tokens: number
  /**
   * The lower triangle of Σ x·xᵀ [width, width], float32, in panels of some rows: the panel of the rows `first` to `end` - 1
   * is [end - first, end].
   */
  readonly moments?: readonly Float32Array[]
  /** [width] */
  readonly magnitudes?: Float64Array
  /** [kept tokens, width] */
  readonly samples?: Float32Array
}

/** Adds statistics up over every token that it is shown, for each of some groups. */
export interface StatisticsPass {
  /**
   * Takes hidden states over.
   *
   * @returns groups whose inputs, or products of them, are not finite. If there are any, nothing was added for any group.
   */
  add(hidden: HiddenStates): Promise<readonly LinearGroup[]>
  /** Time spent so far on running the model, and on adding up. */
  readonly seconds: { readonly forward: number; readonly statistics: number }
  /** The statistics of each group, in their order. Ends the pass. */
  finish(): Promise<readonly GroupStatistics[]>
  /** Ends the pass without a result. */
  close(): Promise<void>
}

/** Turns the inputs of a stage, which it takes over, into its outputs. */
export interface OutputPass {
  run(hidden: HiddenStates): Promise<HiddenStates>
  close(): Promise<void>
}

/** A part of a block that begins and ends with hidden states. */
export interface CalibrationStage {
  /** Linear layers in the order in which they work: those of a level need the results of earlier levels only. */
  readonly levels: readonly (readonly LinearGroup[])[]
  openStatistics(groups: readonly LinearGroup[], request: StatisticsRequest): Promise<StatisticsPass>
  /** Absent for a last stage whose outputs no block reads. */
  readonly openOutput?: () => Promise<OutputPass>
}

/**
 * Channels that may be divided where they are made, if they are multiplied by as much wherever they are read: the model
 * computes the same.
 */
export interface Rescaling {
  readonly before: RescaledOutput
  /** Paths of all linear layers that read these channels, and nothing else does. */
  readonly after: readonly string[]
}

export interface RescaledOutput {
  /** A norm, whose weight and bias have a number for each channel; or a linear layer, whose last rows make them. */
  readonly kind: 'norm' | 'linear'
  /** Path of the module. */
  readonly path: string
  /** What the stored weight of a norm is short of: 1 where it multiplies with 1 + weight; default 0. */
  readonly offset?: number | undefined
}

/** Layers between two hidden states, which are quantized together. */
export interface CalibrationBlock {
  /** Paths of the layers: more than one where layers take turns, each of them several times. */
  readonly paths: readonly string[]
  /** Within these layers, those of a block in the order of its arithmetic; none where the architecture names none. */
  readonly rescalings: readonly Rescaling[]
  /** Its stages; a single one unless it may be cut, or where a layer is run several times. */
  open(options: { readonly cut: boolean }): readonly CalibrationStage[]
}

/**
 * A model whose blocks can be run one at a time while it is being quantized. Offered when the architecture says where its
 * blocks begin.
 */
export interface Calibration {
  /** In the order of the model. */
  readonly blocks: readonly CalibrationBlock[]
  readonly vocabSize: number
  /** Tokens of a sequence at most. */
  readonly maxPositions: number
  /** Ends a text; undefined when the model names none. */
  readonly endToken: number | undefined
  /** @throws ConfigError when the model folder has no tokenizer. */
  tokenize(text: string): Promise<readonly number[]>
  /** Inputs of the first block for sequences of equal length, ids [sequences, tokens]. */
  embed(ids: Int32Array, sequences: number): Promise<HiddenStates>
  /** Frees what `embed` needs: the table of a large vocabulary is as large as some blocks. */
  closeEmbedding(): Promise<void>
  /** From now on a waiting module is computed with what its components hold, not with its float weight. */
  settle(path: string): void
  close(): Promise<void>
}
