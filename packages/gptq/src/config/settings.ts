import type { CalibrationData } from '@hfquant/calibrate'
import type { JsonObject } from '@hfquant/core'
import type { Bits } from '../format/bits.js'
import type { ZeroPointFormat } from '../format/zero-points.js'
import type { DynamicRule } from './dynamic-rules.js'

/** What can differ from module to module. */
export interface ModuleSettings {
  readonly bits: Bits
  /** Channels that share a scale; -1: all of a row. */
  readonly groupSize: number
  readonly sym: boolean
  /** Columns in the order of their importance; scatters the groups. */
  readonly descAct: boolean
  /** Columns in the order of their importance within groups, and groups in that order; leaves the groups in place. */
  readonly actGroupAware: boolean
  readonly staticGroups: boolean
  /** Share of the mean diagonal that is added to the Hessian. */
  readonly dampPercent: number
  /** Exponent of the scale search; 0: none. */
  readonly mse: number
}

/** `quantization_config` of a GPTQ model, as the backend works with it. */
export interface GptqSettings extends ModuleSettings {
  /**
   * 'rtn' rounds to the nearest while streaming and needs no calibration; 'converted' is what holds codes of another method.
   * Not part of config.json.
   */
  readonly method: 'gptq' | 'rtn' | 'converted'
  readonly lmHead: boolean
  /** 'auto': v1 unless a zero point is 0. */
  readonly format: ZeroPointFormat | 'auto'
  readonly dynamic: readonly DynamicRule[]
  /** Suffixes of the modules of a block that are quantized; null: all. */
  readonly modulesInBlock: readonly (readonly string[])[] | null
  readonly dampAutoIncrement: number
  readonly trueSequential: boolean
  /** What becomes of a module that cannot be calibrated. */
  readonly fallback: 'rtn' | 'error'
  /** 'before': scales are rounded to float16 before the codes are chosen. */
  readonly scaleRounding: 'before' | 'after'
  /** The paper's rule for symmetric groups without negative weights, which wastes half of the grid. */
  readonly referenceSymmetric: boolean
  /** Never part of config.json. */
  readonly dataset: CalibrationData | null
  /** Sequences at most. */
  readonly samples: number
  /** Tokens of a sequence that texts are cut into; null: 2048, or as many as the model takes. */
  readonly sequenceLength: number | null
  /** Bytes of hidden states that stay in memory; what goes beyond lies in a file. */
  readonly maxHiddenBytes: number
  /** Name of the weight file without its ending, in old checkpoints. */
  readonly modelFileBaseName: string | null
  /** Loading attributes: kept, without effect here. */
  readonly backend: string | null
  readonly maxInputLength: number | null
  /** The block as it was read from a file; null for one made here. */
  readonly source: JsonObject | null
}

export const DEFAULTS: GptqSettings = {
  method: 'gptq',
  bits: 4,
  groupSize: 128,
  sym: true,
  descAct: false,
  actGroupAware: true,
  staticGroups: false,
  dampPercent: 0.1,
  mse: 0,
  lmHead: false,
  format: 'auto',
  dynamic: [],
  modulesInBlock: null,
  dampAutoIncrement: 0.01,
  trueSequential: true,
  fallback: 'rtn',
  scaleRounding: 'after',
  referenceSymmetric: false,
  dataset: null,
  samples: 128,
  sequenceLength: null,
  maxHiddenBytes: 64 * 2 ** 20,
  modelFileBaseName: null,
  backend: null,
  maxInputLength: null,
  source: null,
}
