import { ConfigError, quote } from '@hfquant/core/runtime'
import type { GLiNER, Labels, PredictOptions } from '@hfquant/gliner'
import type { ClassifiedTokens, TokenClassifier, Tokenizer } from '@hfquant/transformers'
import { type CallOptions, checkOption, checkTexts, knownOptions } from './call-options.js'
import { groupEntities, type TokenEntity } from './group-entities.js'
import type { Loaded } from './loaded.js'

/** Options of a model with classes of its own. */
export interface TokenClassificationOptions extends CallOptions {
  /** Classes that are left out; default: "O". */
  readonly ignore_labels?: readonly string[] | undefined
  /** 'simple' puts the tokens of an entity together; default 'none'. */
  readonly aggregation_strategy?: 'none' | 'simple' | undefined
}

/** Options of GLiNER. */
export interface EntityOptions extends CallOptions {
  /** What is looked for: for all texts, or a list for each. */
  readonly labels: Labels
  /** Scores have to be greater; default 0.5. */
  readonly threshold?: number | undefined
  /** No entity within another one; default true. */
  readonly flat_ner?: boolean | undefined
  /** An entity may have several labels; default false. */
  readonly multi_label?: boolean | undefined
}

/** An entity of several tokens. */
export interface EntityGroup {
  readonly entity_group: string
  readonly score: number
  readonly word: string
  /** Where the entity begins in the text, and where it ends, in UTF-16 units. */
  readonly start: number
  readonly end: number
}

/**
 * Entities of texts: tokens with their classes, or, with 'simple', groups of them; of GLiNER, entities of the labels that
 * are looked for. Texts that are too long for a model with classes of its own are cut.
 */
export interface TokenClassification {
  (text: string, options: EntityOptions): Promise<EntityGroup[]>
  (texts: readonly string[], options: EntityOptions): Promise<EntityGroup[][]>
  (
    text: string,
    options: TokenClassificationOptions & { readonly aggregation_strategy: 'simple' },
  ): Promise<EntityGroup[]>
  (
    texts: readonly string[],
    options: TokenClassificationOptions & { readonly aggregation_strategy: 'simple' },
  ): Promise<EntityGroup[][]>
  (text: string, options?: TokenClassificationOptions): Promise<TokenEntity[]>
  (texts: readonly string[], options?: TokenClassificationOptions): Promise<TokenEntity[][]>
}

/** @throws ConfigError LABELS_FIXED for labels that are looked for. */
export function tokenClassification({
  model,
  tokenizer,
  truncation,
}: Loaded<TokenClassifier>): TokenClassification {
  const classify = async (texts: string | readonly string[], options?: TokenClassificationOptions) => {
    checkTexts(texts)
    refuseLabels(options, model.labels)
    const {
      ignore_labels: ignored = ['O'],
      aggregation_strategy: strategy = 'none',
      signal,
    } = knownOptions(options, ['ignore_labels', 'aggregation_strategy'])
    checkOption('ignore_labels', ignored, Array.isArray(ignored), 'a list of classes')
    checkOption('aggregation_strategy', strategy, ['none', 'simple'].includes(strategy), "'none' or 'simple'")
    const classified = await model.classify([texts].flat() as string[], { ...truncation, signal })
    const found = classified.map((own) => {
      const entities = entitiesOf(own, tokenizer, ignored)
      return strategy === 'none' ? entities : grouped(entities, own, tokenizer)
    })
    return Array.isArray(texts) ? found : found[0]!
  }
  return classify as TokenClassification
}

/** Tokens of the text itself, without what stands around it. */
function entitiesOf(
  { tokens }: ClassifiedTokens,
  tokenizer: Tokenizer,
  ignored: readonly string[],
): readonly TokenEntity[] {
  return tokens.flatMap(({ tokenId, label: entity, score, start, end }, index) => {
    if (start === undefined || end === undefined || ignored.includes(entity)) return []
    const word = tokenizer.decode([tokenId])
    return word === '' ? [] : [{ entity, score, index, word, start, end }]
  })
}

function grouped(
  entities: readonly TokenEntity[],
  { tokens: all }: ClassifiedTokens,
  tokenizer: Tokenizer,
): readonly EntityGroup[] {
  return groupEntities(entities).map(({ tag, tokens }) => ({
    entity_group: tag,
    score: tokens.reduce((sum, { score }) => sum + score, 0) / tokens.length,
    word: tokenizer.decode(tokens.map(({ index }) => all[index]!.tokenId)),
    start: tokens[0]!.start,
    end: tokens.at(-1)!.end,
  }))
}

function refuseLabels(options: object | undefined, classes: readonly string[]): void {
  if (typeof options !== 'object' || !('labels' in options)) return
  throw new ConfigError(
    'LABELS_FIXED',
    `the model has classes of its own, ${classes.slice(0, 8).map(quote).join(', ')}, and finds no other labels`,
    { field: 'labels', found: options.labels, hint: 'Leave labels out, or take a GLiNER model.' },
  )
}

const ENTITY_NAMES = ['labels', 'threshold', 'flat_ner', 'multi_label'] as const

/** @throws ConfigError LABELS_MISSING without labels; as `predictEntities`. */
export function zeroShotEntities(model: GLiNER): TokenClassification {
  const find = async (texts: string | readonly string[], options?: EntityOptions) => {
    checkTexts(texts)
    const { labels, threshold, flat_ner, multi_label, signal } = knownOptions(options, ENTITY_NAMES)
    if (labels === undefined) {
      throw new ConfigError('LABELS_MISSING', 'GLiNER looks for labels of yours, and none are given', {
        field: 'labels',
        hint: "Pass for example { labels: ['person', 'place'] }.",
      })
    }
    const settings: PredictOptions = { threshold, flatNer: flat_ner, multiLabel: multi_label, signal }
    const found = await model.batchPredictEntities([texts].flat() as string[], labels, settings)
    const groups = found.map((entities) =>
      entities.map(({ label, score, text: word, start, end }) => ({
        entity_group: label,
        score,
        word,
        start,
        end,
      })),
    )
    return Array.isArray(texts) ? groups : groups[0]!
  }
  return find as TokenClassification
}
