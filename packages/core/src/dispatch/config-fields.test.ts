import { expect, test } from 'vitest'
import { readInteger, readStrings } from '../json/read-field.js'
import { configFields } from './config-fields.js'

const { parse, format } = configFields({
  groupSize: ['group_size', (json, key) => readInteger(json, key, 32)],
  skipModules: ['modules_to_not_convert', (json, key) => readStrings(json, key, undefined)],
})

test('members are read under their keys, and written under them', () => {
  expect(parse({})).toEqual({ groupSize: 32, skipModules: undefined })
  expect(format(parse({}))).toEqual({ group_size: 32, modules_to_not_convert: null })
  const json = { group_size: 64, modules_to_not_convert: ['lm_head'] }
  expect(format(parse(json))).toEqual(json)
})

test('a field that cannot be read is named by its key', () => {
  expect(() => parse({ group_size: '64' })).toThrow(expect.objectContaining({ field: 'group_size' }))
})
