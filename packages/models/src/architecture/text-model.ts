import type { JsonNode, JsonObject } from '@hfquant/core/runtime'
import type { DecoderDescription } from './define-architecture.js'

/** An object of a JSON file. */
export type ObjectNode = JsonNode & { readonly kind: 'object' }

/** `text_config` of a model that sees or hears as well; undefined for any other config.json. */
export function textConfigOf({ text_config: text }: JsonObject): JsonObject | undefined {
  const isObject = typeof text === 'object' && text !== null && !Array.isArray(text)
  return isObject ? (text as JsonObject) : undefined
}

/** Fields that the configuration around a text model has for it. What is stated there counts. */
const OUTER = [
  'tie_word_embeddings',
  'quantization_config',
  'dtype',
  'torch_dtype',
  'bos_token_id',
  'eos_token_id',
  'pad_token_id',
  'transformers_version',
]

/**
 * config.json of a text model alone, from one that has it in `text_config`.
 *
 * @param architecture entry of `architectures` by which the text model is known.
 */
export function textModelConfig({ entries }: ObjectNode, architecture: string): ObjectNode {
  const text = entries.get('text_config') as ObjectNode
  const outer = OUTER.flatMap((key) => {
    const value = entries.get(key)
    return value === undefined || isNull(value) ? [] : [[key, value] as const]
  })
  const own = new Map([...text.entries, ...outer])
  // Both spellings of one thing.
  if (entries.has('torch_dtype') && !entries.has('dtype')) own.delete('dtype')
  const block = own.get('quantization_config')
  if (block !== undefined) own.set('quantization_config', withModulesRenamed(block))
  own.set('architectures', { kind: 'array', items: [{ kind: 'string', value: architecture }] })
  return { kind: 'object', entries: own }
}

const isNull = (node: JsonNode): boolean => node.kind === 'literal' && node.text === 'null'

/** Modules that a quantization block names, as they are called in the text model alone. */
function withModulesRenamed(node: JsonNode): JsonNode {
  switch (node.kind) {
    case 'object': {
      const renamed = [...node.entries].map(
        ([key, value]) => [nameAlone(key), withModulesRenamed(value)] as const,
      )
      return { kind: 'object', entries: new Map(renamed) }
    }
    case 'array':
      return { kind: 'array', items: node.items.map(withModulesRenamed) }
    case 'string':
      return { kind: 'string', value: nameAlone(node.value) }
    default:
      return node
  }
}

/**
 * What a tensor or a module of the whole model is called in its text model alone.
 *
 * Files of the hub have the whole text model behind "language_model.", those that transformers 5 writes its base model
 * behind "model.language_model.", and its head beside it.
 *
 * @param base name of the base model within the text model.
 */
const nameAlone = (name: string, base = 'model'): string =>
  name.replace(/^language_model\./, '').replace(/^model\.(language_model|text_model)\./, `${base}.`)

/** The text model of a larger one: tensors of towers and projectors are passed over. */
export function asPart(model: DecoderDescription): DecoderDescription {
  const { outputEmbedding, basePrefix } = model.build('float32')
  return {
    ...model,
    isPart: true,
    tensorName(name) {
      const alone = nameAlone(name, basePrefix)
      const isOther = alone === name && !name.startsWith(`${outputEmbedding}.`)
      return isOther ? undefined : alone
    },
  }
}
