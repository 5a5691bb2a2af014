import { ConfigError } from 'hfquant'
import { expect, test } from 'vitest'
import { describeFailure } from './failure.js'

test.each([
  ['Load it with GLiNER.', 'It is a model for hfquant entities.'],
  ['Load it with AutoModelForCausalLM or AutoModel.', 'It is a model for hfquant generate or hfquant embed.'],
  ['Load it with AutoModelForMaskedLM.', 'Load it with AutoModelForMaskedLM.'],
])('a model for another class is one for a command: %s', (hint, shown) => {
  const error = new ConfigError('MODEL_CLASS', 'another kind of model', { hint })
  expect(describeFailure(error, new AbortController().signal)).toMatchObject({
    code: 'MODEL_CLASS',
    hint: shown,
  })
})
