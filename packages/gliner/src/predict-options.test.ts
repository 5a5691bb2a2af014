import { expect, test } from 'vitest'
import {
  checkDocumentOptions,
  checkPredictOptions,
  checkReadOptions,
  type PredictOptions,
} from './predict-options.js'

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

test('what says how a text is read has no meaning once it has been, and the other way round', () => {
  const read = { longText: 'truncate', maxWords: 0, signal: undefined } as const
  expect(checkReadOptions(read)).toEqual(read)
  expect(() => checkReadOptions({ threshold: 0.9 } as never)).toThrow(
    expect.objectContaining({ code: 'OPTION_UNKNOWN', field: 'threshold' }),
  )
  expect(() => checkReadOptions({ maxWords: -1 })).toThrow(
    expect.objectContaining({ code: 'OPTION_VALUE', field: 'maxWords' }),
  )
  expect(() => checkDocumentOptions({ longText: 'truncate' } as never, 1)).toThrow(
    expect.objectContaining({ code: 'OPTION_UNKNOWN', field: 'longText' }),
  )
  for (const check of [checkReadOptions, checkDocumentOptions]) {
    expect(() => check(null as never, 1)).toThrow(expect.objectContaining({ code: 'OPTIONS_TYPE' }))
  }
})
