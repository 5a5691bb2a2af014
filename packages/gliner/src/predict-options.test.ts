import { expect, test } from 'vitest'
import { checkPredictOptions, type PredictOptions } from './predict-options.js'

test('what is left out has the values of the library, but for long texts', () => {
  expect(checkPredictOptions({}, 1)).toEqual({
    ...{ threshold: 0.5, flatNer: true, multiLabel: false, longText: 'windows', offsets: 'utf16' },
    ...{ inputSpans: undefined, returnClassProbs: false, signal: undefined },
  })
})

test.each([
  ['threshold', '0.5'],
  ['threshold', 1.5],
  ['threshold', Number.NaN],
  ['flatNer', 1],
  ['multiLabel', 'no'],
  ['longText', 'cut'],
  ['offsets', 'bytes'],
  ['inputSpans', [[{ start: 0 }]]],
  ['inputSpans', [[], []]],
  ['returnClassProbs', 'yes'],
  ['signal', {}],
])('%s %j is refused by name', (field, found) => {
  expect(() => checkPredictOptions({ [field]: found } as PredictOptions, 1)).toThrow(
    expect.objectContaining({ code: 'OPTION_VALUE', field, hint: expect.any(String) }),
  )
})

test('an option that is not known is refused with those that are', () => {
  expect(() => checkPredictOptions({ flat_ner: true } as PredictOptions, 1)).toThrow(
    expect.objectContaining({
      code: 'OPTION_UNKNOWN',
      field: 'flat_ner',
      hint: expect.stringContaining('flatNer'),
    }),
  )
})
