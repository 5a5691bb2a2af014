import { type JsonObject, oneOf, readBoolean, readStrings, unknownEntries } from '@hfquant/core'

/** `quantization_config` of an MXFP4 model. */
export interface Mxfp4Settings {
  /** What stays in float: beginnings of module paths, in which "*" and other regular expressions may stand. */
  readonly modulesToNotConvert: readonly string[] | undefined
  /** Python restores the weights in bfloat16 then. Read for the sake of its files; see `Mxfp4Config`. */
  readonly dequantize: boolean
  /** Entries of a block that was read whose keys are not known. */
  readonly others: JsonObject
}

/** What is not an expert; the list that the published models have. */
export const NOT_CONVERTED: readonly string[] = [
  'model.layers.*.self_attn',
  'model.layers.*.mlp.router',
  'model.embed_tokens',
  'lm_head',
]

/** @throws ConfigError that names the field. */
export function readSettings(json: JsonObject): Mxfp4Settings {
  if (json.quant_method != null) oneOf(json.quant_method, ['mxfp4'], 'quant_method')
  return {
    modulesToNotConvert: readStrings(json, 'modules_to_not_convert', undefined),
    dequantize: readBoolean(json, 'dequantize', false),
    others: unknownEntries(json, ['quant_method', 'modules_to_not_convert', 'dequantize']),
  }
}

/** The block without `quant_method`; `dequantize` only where somebody asked for it, as no file has it. */
export const formatSettings = ({ others, modulesToNotConvert, dequantize }: Mxfp4Settings): JsonObject => ({
  ...others,
  modules_to_not_convert: modulesToNotConvert ?? null,
  ...(dequantize ? { dequantize } : {}),
})

/** Entries of the list as skip lists have them: a plain path is one, any other entry is the beginning of a path. */
export const skipEntries = ({ modulesToNotConvert }: Mxfp4Settings): readonly string[] | undefined =>
  modulesToNotConvert?.map((entry) => (PLAIN_PATH.test(entry) ? entry : `re:(?:${entry}).*`))

const PLAIN_PATH = /^[\w.]*$/
