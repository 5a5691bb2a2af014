import { generationOptionNames, optionFields } from './generation-options.js'

type JsonObject = { readonly [key: string]: unknown }
/** True for a value with which transformers makes the same text as without the setting. */
type HasNoEffect = (value: unknown) => boolean

const is =
  (...values: readonly unknown[]): HasNoEffect =>
  (value) =>
    values.includes(value)
const outside =
  (least: number, most: number): HasNoEffect =>
  (value) =>
    typeof value === 'number' && (value <= least || value >= most)

/** Settings of transformers that change the text and are not offered. */
const NOT_OFFERED: Readonly<Record<string, HasNoEffect>> = {
  num_beams: is(1),
  num_return_sequences: is(1),
  penalty_alpha: is(0),
  typical_p: outside(0, 1),
  top_h: is(),
  epsilon_cutoff: outside(0, 1),
  eta_cutoff: outside(0, 1),
  exponential_decay_length_penalty: is(),
  guidance_scale: is(1),
  // Python takes the prompt for the input of the encoder that these models do not have.
  encoder_repetition_penalty: is(1),
  encoder_no_repeat_ngram_size: is(0),
  constraints: is(),
  force_words_ids: is(),
  forced_decoder_ids: is(),
  watermarking_config: is(),
  dola_layers: is(),
  token_healing: is(false),
  remove_invalid_values: is(false),
  max_time: is(),
}

/** Settings of transformers that change nothing here: of caches, beams, encoders, speculation, of what is returned. */
const WITHOUT_EFFECT = new Set([
  ...['use_cache', 'cache_implementation', 'cache_config', 'max_cache_len', 'return_legacy_cache'],
  ...['early_stopping', 'length_penalty', 'num_beam_groups', 'diversity_penalty', 'low_memory', 'use_mtp'],
  'decoder_start_token_id',
  ...[
    'output_attentions',
    'output_hidden_states',
    'output_scores',
    'output_logits',
    'return_dict_in_generate',
  ],
  ...['is_assistant', 'num_assistant_tokens', 'num_assistant_tokens_schedule'],
  ...[
    'assistant_confidence_threshold',
    'max_matching_ngram_size',
    'assistant_early_exit',
    'speculation_type',
  ],
  ...['assistant_lookbehind', 'target_lookbehind', 'assistant_ensemble_weight', 'renormalize_logits'],
  ...['compile_config', 'disable_compile', 'continuous_batching_config', 'prefill_chunk_size'],
  ...['transformers_version', '_from_model_config', '_commit_hash'],
])

/** What generation_config.json asks for and does not get. */
export interface GenerationWarnings {
  /** Settings without which Python's text is another: worth a warning. */
  readonly warnings: readonly string[]
  /** Settings that nobody knows: worth a line in a log. */
  readonly remarks: readonly string[]
}

/** Looks through the settings of a model for those that are not honoured; their values are read by each generation. */
export function generationWarnings(file: JsonObject): GenerationWarnings {
  const offered = new Set(
    generationOptionNames.map((name) => (optionFields[name] as { fileKey?: string }).fileKey),
  )
  const set = Object.entries(file).filter(([, value]) => value !== null && value !== undefined)
  const unmet = set.filter(([key, value]) => Object.hasOwn(NOT_OFFERED, key) && !NOT_OFFERED[key]!(value))
  const unknown = set
    .map(([key]) => key)
    .filter((key) => !offered.has(key) && !Object.hasOwn(NOT_OFFERED, key) && !WITHOUT_EFFECT.has(key))
  return {
    warnings: unmet.map(
      ([key, value]) =>
        `generation_config.json sets ${key} to ${shown(value)}, which is not offered: generation goes on without it`,
    ),
    remarks:
      unknown.length === 0
        ? []
        : [`generation_config.json has settings that are not known: ${unknown.join(', ')}`],
  }
}

const MAX_SHOWN = 60

function shown(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}
