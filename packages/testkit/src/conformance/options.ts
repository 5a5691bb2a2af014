import type { JsonObject, QuantizationConfigInput } from '@hfquant/core/runtime'
import type { FrontDoor } from './front-door.js'

/** A configuration that the suite is run with. */
export interface ConfigUnderTest {
  /** An instance, or the object that config.json would hold. */
  readonly config: QuantizationConfigInput
  /** Whether a linear layer of the blocks is quantized with this configuration; default: all of them. */
  readonly quantizes?: (path: string) => boolean
  /** Largest error of a restored weight, as a share of the largest magnitude in its row; default 0.5. */
  readonly largestError?: number
  /** Largest difference between fast and exact logits, as a share of the largest logit; default 0.05. */
  readonly fastError?: number
  /** Bits per weight on disk at most, everything included, of a wide layer; default 16: less than float16. */
  readonly bitsPerWeight?: number
}

/** Which format each module gets. */
export interface ModuleChoices {
  readonly config: QuantizationConfigInput
  /** A part of the format's name by module path; null for a module that stays in float. */
  readonly formats: Readonly<Record<string, string | null>>
}

/** What the suite cannot know about a backend. Only `configs` is needed. */
export interface ConformanceOptions {
  /** Configurations by the name that stands in the titles: "int4, groups of 32". None may need calibration data. */
  readonly configs: Readonly<Record<string, ConfigUnderTest>>
  /**
   * A configuration that leaves these modules in float, in addition to the default ones. By default the first
   * configuration with `modules_to_not_convert`.
   */
  readonly skipping?: (modules: readonly string[]) => QuantizationConfigInput
  /** A configuration that quantizes the embeddings as well, for methods that offer that. */
  readonly embeddings?: QuantizationConfigInput
  /** A value, other than the default, for each of the backend's loading attributes, by JSON key. */
  readonly loadingAttributes?: JsonObject
  /** Blocks of config.json that have to be refused, by what is wrong with them. */
  readonly refused?: Readonly<Record<string, JsonObject>>
  /** Blocks in another spelling, older or of another tool, and the keys of toDict() that they have to come to. */
  readonly spellings?: Readonly<
    Record<string, { readonly json: JsonObject; readonly means: QuantizationConfigInput }>
  >
  /** Configurations of methods that calibrate, with data of token ids below 96; tried through `frontDoor`. */
  readonly calibrated?: Readonly<Record<string, QuantizationConfigInput>>
  /** What configurations say about single modules of `tinyModel()`, by the name that stands in the title. */
  readonly choices?: Readonly<Record<string, ModuleChoices>>
  /**
   * Loads models as an application does: `AutoModelForCausalLM` of @hfquant/transformers or of hfquant. With it the suite
   * is also run on a tiny model of a real architecture.
   */
  readonly frontDoor?: FrontDoor
  /** Folders of checkpoints that another implementation has written, by name; read with `frontDoor`. */
  readonly published?: Readonly<Record<string, string>>
}
