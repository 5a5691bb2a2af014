import {
  CapabilityError,
  ConfigError,
  type JsonObject,
  quote,
  readBoolean,
  readInteger,
  readObject,
  readString,
} from '@hfquant/core/runtime'

export const CONFIG_NAME = 'gliner_config.json'

/** What gliner_config.json says about inference. Defaults are those of the Python library. */
export interface GlinerConfig {
  /** `span`: every span of up to `maxWidth` words is scored. `token`: words are scored as start, end and inside. */
  readonly mode: 'span' | 'token'
  /** Channels of words and labels. */
  readonly hiddenSize: number
  /** Words of the longest entity; without meaning in `token` mode. */
  readonly maxWidth: number
  /** Words of the longest text that is read at once. */
  readonly maxLen: number
  readonly rnnLayers: number
  /** Whether a label is the hidden state of its marker, or of the token behind it. */
  readonly embedsMarker: boolean
  readonly entToken: string
  readonly sepToken: string
  /** Of `entToken`; undefined where the markers are still to be added to the tokenizer. */
  readonly classTokenIndex: number | undefined
  /** Rows of the token table; undefined where that is still to be counted. */
  readonly vocabSize: number | undefined
  /** config.json of the encoder. */
  readonly encoder: JsonObject
  /** Of a bi-encoder: labels have an encoder of their own. */
  readonly labels: LabelEncoderConfig | undefined
}

export interface LabelEncoderConfig {
  /** A folder within that of the model, or a name on the hub. */
  readonly name: string
  readonly encoder: JsonObject
}

/**
 * Reads gliner_config.json. Unknown keys are those of training, and are passed over.
 *
 * @throws ConfigError FIELD_TYPE or FIELD_VALUE naming the field; CapabilityError VARIANT for a kind of model that is not
 * offered.
 */
export function readGlinerConfig(json: JsonObject): GlinerConfig {
  refuseVariants(json)
  const mode = readString(json, 'span_mode', 'markerV0') === 'token_level' ? 'token' : 'span'
  return {
    mode,
    hiddenSize: readSize(json, 'hidden_size', 512),
    maxWidth: readSize(json, 'max_width', 12),
    maxLen: readSize(json, 'max_len', 384),
    rnnLayers: readFrom(json, 'num_rnn_layers', 1, 0),
    embedsMarker: readBoolean(json, 'embed_ent_token', true),
    entToken: readString(json, 'ent_token', '<<ENT>>'),
    sepToken: readString(json, 'sep_token', '<<SEP>>'),
    ...readVocabulary(json),
    encoder: readEncoder(json, 'encoder_config'),
    labels: readLabelEncoder(json),
  }
}

/** Names of the models that it was made from, as far as the file has them. */
export const namesOf = (
  json: JsonObject,
): { readonly modelName: string | undefined; readonly labelsName: string | undefined } => ({
  modelName: readString(json, 'model_name', '') || undefined,
  labelsName: readString(json, 'labels_encoder', '') || undefined,
})

/** Both numbers count, or neither: the library computes both when one of them is -1. */
function readVocabulary(json: JsonObject): Pick<GlinerConfig, 'classTokenIndex' | 'vocabSize'> {
  const classTokenIndex = readFrom(json, 'class_token_index', -1, -1)
  const vocabSize = readFrom(json, 'vocab_size', -1, -1)
  if (readLabelEncoder(json) !== undefined) {
    // Labels stand in no prompt, so that nothing is added to the tokenizer.
    return { classTokenIndex: undefined, vocabSize: vocabSize === -1 ? undefined : vocabSize }
  }
  if (classTokenIndex === -1 || vocabSize === -1) return { classTokenIndex: undefined, vocabSize: undefined }
  if (classTokenIndex < vocabSize) return { classTokenIndex, vocabSize }
  throw invalid('class_token_index', classTokenIndex, `less than vocab_size, which is ${vocabSize}`)
}

function readLabelEncoder(json: JsonObject): LabelEncoderConfig | undefined {
  const { labelsName: name } = namesOf(json)
  return name === undefined ? undefined : { name, encoder: readEncoder(json, 'labels_encoder_config') }
}

function readEncoder(json: JsonObject, key: string): JsonObject {
  const encoder = readObject(json, key, {})
  if (Object.keys(encoder).length > 0) return { model_type: 'deberta-v2', ...encoder }
  throw new ConfigError('FIELD_MISSING', `${key} is absent: it describes the encoder`, {
    field: key,
    expected: 'an object, as config.json of the encoder holds it',
    hint: `Add it: the content of config.json of ${quote(json.model_name ?? json.labels_encoder ?? 'the encoder')}.`,
  })
}

/** Fields whose other values need layers that are not offered. */
function refuseVariants(json: JsonObject): void {
  const only = (key: string, allowed: readonly unknown[], reason: string) => {
    const found = json[key]
    if (found === undefined || found === null || allowed.includes(found)) return
    throw new CapabilityError(
      'VARIANT',
      `${key} ${quote(found)} is not offered, only ${allowed.map(quote).join(' and ')}: ${reason}`,
      {
        field: key,
        found,
        expected: allowed,
        hint: 'Use a model of another kind, or the Python library for this one.',
      },
    )
  }
  only('relations_layer', [''], 'models that find relations have layers of their own')
  only('labels_decoder', [''], 'models that write labels have a decoder')
  only('span_mode', ['markerV0', 'token_level'], 'other ways to represent spans have other layers')
  only('subtoken_pooling', ['first'], 'a word is the hidden state of its first token')
  only('words_splitter_type', ['whitespace'], 'the others need language tools')
  only('fuse_layers', [false], 'the last hidden states alone are read')
  only('post_fusion_schema', [''], 'labels and words are not fused')
  only('represent_spans', [false], 'spans that words make are not scored again')
  only('precomputed_prompts_mode', [false], 'labels are those of a call, not of the model')
}

const readSize = (json: JsonObject, key: string, fallback: number): number => readFrom(json, key, fallback, 1)

/** No model has more of anything. */
const MOST = 2 ** 24

function readFrom(json: JsonObject, key: string, fallback: number, least: number): number {
  const value = readInteger(json, key, fallback)
  if (value >= least && value <= MOST) return value
  throw invalid(key, json[key], `an integer from ${least} to ${MOST}`)
}

const invalid = (field: string, found: unknown, expected: string): ConfigError =>
  new ConfigError('FIELD_VALUE', `${field} is ${quote(found)}, expected ${expected}`, {
    field,
    found,
    expected,
    hint: 'Correct gliner_config.json, or take it from the same revision as the weights.',
  })
