import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { atRandom, GREEDY } from '../testing/sampling.fixture.js'
import { penalizeRepetition } from './logits-processor.js'
import { createSampler } from './sampler.js'
import { addBiases, forbidTokens, type TokenRules } from './token-rules.js'

interface Settings {
  readonly repetition_penalty?: number
  readonly forced_eos_token_id?: number | number[]
  readonly [name: string]: unknown
}

interface Rules {
  readonly rules: {
    readonly eosTokenIds: number[]
    readonly limit: number
    readonly cases: readonly {
      /** As generation_config.json has them. */
      readonly settings: Settings
      readonly prompt: number[]
      readonly answer: number[]
      /** null stands for -Infinity. */
      readonly logits: (number | null)[]
      readonly processed: (number | null)[]
    }[]
  }
}

const file = new URL('../../../../goldens/generation/processors.json', import.meta.url)
const { eosTokenIds, limit, cases } = (JSON.parse(await readFile(file, 'utf8')) as Rules).rules
const minus = Number.NEGATIVE_INFINITY

const camelCase = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

function rulesOf(settings: Settings, promptLength: number): TokenRules {
  const { repetition_penalty: _, forced_eos_token_id: end, ...others } = settings
  return {
    ...Object.fromEntries(Object.entries(others).map(([name, value]) => [camelCase(name), value])),
    ...(end !== undefined && { forcedEosTokenId: [end].flat() }),
    ...{ eosTokenIds, promptLength, maxLength: limit },
  }
}

describe('the rules for tokens, compared with the processors of the Python transformers', () => {
  it.each(cases)('$settings after $prompt and $answer', ({ settings, prompt, answer, logits, processed }) => {
    const work = Float32Array.from(logits, (logit) => logit ?? minus)
    const tokens = [...prompt, ...answer]
    const rules = rulesOf(settings, prompt.length)
    addBiases(work, tokens, rules)
    if (settings.repetition_penalty) penalizeRepetition(work, tokens, settings.repetition_penalty)
    forbidTokens(work, tokens, rules)
    processed.forEach((expected, token) => {
      if (expected === null) expect(work[token]).toBe(minus)
      // One float32 step: torch may multiply by the reciprocal of a penalty.
      else expect(Math.abs(work[token]! - expected)).toBeLessThanOrEqual(Math.abs(expected) * 2 ** -22)
    })
  })

  it.each(cases)('choose among what $settings leave', ({ settings, prompt, answer, logits, processed }) => {
    const repetitionPenalty = settings.repetition_penalty ?? 1
    const config = { repetitionPenalty, rules: rulesOf(settings, prompt.length) }
    const given = Float32Array.from(logits, (logit) => logit ?? minus)
    const tokens = [...prompt, ...answer]
    const best = processed.reduce<number>(
      (top, logit, token) => ((logit ?? minus) > (processed[top] ?? minus) ? token : top),
      0,
    )
    expect(createSampler({ ...GREEDY, ...config })(given, tokens)).toBe(best)
    const choose = createSampler(atRandom({ ...config, temperature: 5, seed: 1 }))
    for (let draw = 0; draw < 50; draw++) expect(processed[choose(given, tokens)]).not.toBeNull()
  })
})

describe('rules that cannot be met', () => {
  const choose = (rules: Partial<TokenRules>, logits = Float32Array.of(1, 2, 3)) =>
    createSampler({ ...GREEDY, rules: { eosTokenIds: [], promptLength: 1, maxLength: 9, ...rules } })(
      logits,
      [0],
    )

  it('are reported when they leave no token', () => {
    expect(() => choose({ suppressTokens: [0, 1, 2] })).toThrow(
      'none of the 3 tokens is possible under the rules',
    )
  })

  it.each<Partial<TokenRules>>([
    { sequenceBias: [[[0, 3], 1]] },
    { badWordsIds: [[3]] },
    { forcedBosTokenId: 3, promptLength: 2 },
    { forcedEosTokenId: [0, 3] },
  ])('are reported at the first token when they name one that does not exist: %j', (rules) => {
    expect(() => choose(rules)).toThrow('a generation setting names token id 3, but there are 3 logits')
  })

  it('are none when the tokens to leave out do not exist', () => {
    expect(choose({ suppressTokens: [7], beginSuppressTokens: [8] })).toBe(2)
  })
})
