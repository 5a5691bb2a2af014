import { ConfigError, quote } from '@hfquant/core/runtime'
import type { ModelFacts } from '@hfquant/models'
import type { DecoderSession, SamplerConfig } from '@hfquant/onnx'
import type { Drafter } from '../../generate/index.js'
import type { Tokenizer } from '../../tokenizer/index.js'
import { untilAborted } from '../shared/until-aborted.js'

/** What a draft needs of a model. */
export interface Vocabulary {
  readonly facts: Pick<ModelFacts, 'vocabSize'>
  readonly tokenizer: Pick<Tokenizer, 'idToToken'> | undefined
}

/**
 * A draft of a model stands for a text only where its tokens are those of the other. Rows of logits may be padded to
 * different widths; where one of the models has no tokenizer, the widths are all there is to compare.
 *
 * @throws ConfigError ASSISTANT_VOCABULARY for a model with other tokens.
 */
export function checkAssistant(assistant: Vocabulary, model: Vocabulary): void {
  const [tokenizer, expected] = [assistant.tokenizer, model.tokenizer]
  const widths = [assistant.facts.vocabSize, model.facts.vocabSize] as const
  if (tokenizer === undefined || expected === undefined) {
    if (widths[0] !== widths[1]) throw otherVocabulary(`${widths[0]} tokens, not ${widths[1]}`, ...widths)
    return
  }
  for (let id = 0; id < Math.max(...widths); id++) {
    const [found, wanted] = [tokenizer.idToToken(id), expected.idToToken(id)]
    if (found === wanted) continue
    throw otherVocabulary(`token ${id} is ${shown(found)}, not ${shown(wanted)}`, found, wanted)
  }
}

const shown = (token: string | undefined): string => (token === undefined ? 'missing' : quote(token))

const otherVocabulary = (difference: string, found: unknown, expected: unknown): ConfigError =>
  new ConfigError('ASSISTANT_VOCABULARY', `assistantModel has another vocabulary: ${difference}`, {
    field: 'assistantModel',
    ...{ found, expected },
    hint: 'Use a smaller model with the same tokenizer, or promptLookupNumTokens, which needs no other model.',
  })

/** Tokens that a model guesses at once: a run of eight rows. */
const LONGEST_DRAFT = 7

/** The likeliest tokens: any other guess would be accepted less often. */
const LIKELIEST: SamplerConfig = {
  ...{ doSample: false, temperature: 1, topK: 0, topP: 1, minP: undefined },
  ...{ repetitionPenalty: 1, seed: undefined },
}

/**
 * Drafts of another model. Each draft is a sequence of its own: it goes on from the keys and values of the last one as far
 * as that was right.
 *
 * @param reader what reads the drafts: a model with so many tokens, for a text of this scope.
 */
export const assistantDrafter = (
  session: DecoderSession,
  { vocabSize: known, maxPositions }: ModelFacts,
  { vocabSize, scope }: { readonly vocabSize: number; readonly scope: string | undefined },
): Drafter => ({
  longest: LONGEST_DRAFT,
  async propose(tokens, most, signal) {
    const draft: number[] = []
    // The last token of a draft is not read.
    const count = Math.min(most, maxPositions - tokens.length + 1)
    if (count < 1 || tokens.some((id) => id >= known)) return draft
    const sequence = session.sequence({ ...LIKELIEST, maxNewTokens: count, scope })
    try {
      for (let ids = tokens; draft.length < count; ids = draft.slice(-1)) {
        const {
          tokens: [token],
        } = await untilAborted(sequence.next(ids), signal)
        if (token! >= vocabSize) break
        draft.push(token!)
      }
    } finally {
      await sequence.free()
    }
    return draft
  },
})
