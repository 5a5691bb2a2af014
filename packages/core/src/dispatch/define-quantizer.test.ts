import { describe, expect, test } from 'vitest'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { defineQuantizer } from './define-quantizer.js'
import { OptionsConfig } from './method-config.js'

const { definition } = rowInt8

describe('a definition is refused', () => {
  const flat = {
    ...{ specVersion: 1, quantMethod: 'old', parseConfig: () => ({}), formatConfig: () => ({}) },
    ...{ skipModules: () => undefined, formatFor: definition.formatFor },
  }
  test.each<[string, object, string]>([
    [
      'of version 1, with the new place of each member',
      flat,
      'specVersion is 1, expected 2: specVersion is 2, parseConfig is config.parse, formatConfig is config.format, skipModules is select().keep now',
    ],
    ['of a version to come', { ...definition, specVersion: 3 }, 'specVersion is 3, expected 2'],
    ['that is none', undefined as never, 'it is undefined, expected an object'],
    ['without a parser', { ...definition, config: {} }, 'config.parse is no function'],
    [
      'without a configuration',
      { ...definition, config: undefined },
      'config is undefined, expected an object',
    ],
    ['whose list is no function', { ...definition, select: [] }, 'select is no function'],
    [
      'whose list is a promise',
      { ...definition, select: async () => ({ keep: ['head'] }) },
      'select is asynchronous: it has to be done when it returns',
    ],
    [
      'with a check that nobody waits for',
      { ...definition, config: { ...definition.config, check: async () => {} } },
      'config.check is asynchronous',
    ],
    [
      'with a misspelt member',
      { ...definition, sellect: () => ({}) },
      'sellect is no member of a definition. Did you mean "select"?',
    ],
    [
      'with a misspelt member of a group',
      { ...definition, files: { stack: ['weight'] } },
      'files.stack is no member of a definition. Did you mean "stacked"?',
    ],
    [
      'with half of a calibration',
      { ...definition, calibrate: { run: async () => ({}) } },
      'calibrate.defers is no function',
    ],
    [
      'with half of a conversion',
      { ...definition, convert: { formatFor: () => ({ skip: 'never' }) } },
      'convert.config is no function',
    ],
    [
      'with a member of version 1',
      { ...definition, tensorName: () => 'x' },
      'tensorName is a member of version 1: it is files.name now',
    ],
    ['with a name that no package has', { ...definition, quantMethod: 'Row Int8' }, 'quantMethod is'],
  ])('%s', (_, wrong, message) => {
    expect(() => defineQuantizer(wrong as never)).toThrow(
      expect.objectContaining({ code: 'DEFINITION_INVALID', message: expect.stringContaining(message) }),
    )
  })
})

test.each<[string, object]>([
  ['select().skip is no member of a definition', { skip: ['head'] }],
  ['select().keep is "head", expected a list of module paths', { keep: 'head' }],
  ['select().record is no function', { record: {} }],
  ['select() is [], expected an object', []],
])('what a definition selects is refused: %s', (message, selection) => {
  const method = defineQuantizer({ ...definition, select: () => selection as never })
  expect(() => method.create(method(), false).untiesEmbeddings).toThrow(
    expect.objectContaining({ code: 'DEFINITION_INVALID', message: expect.stringContaining(message) }),
  )
})

describe('options of a configuration', () => {
  interface Options {
    readonly levels?: number
    readonly keepInFloat?: readonly string[]
  }

  class RowInt8Config extends OptionsConfig<Options, { levels: number }> {
    constructor(options: Options = {}) {
      const keys = { levels: 'levels', keepInFloat: null }
      super({ name: 'RowInt8Config', backend: rowInt8 as never, keys }, options)
    }
  }

  test('are refused where nobody knows them, with the likeliest name', () => {
    const refused = (name: string) =>
      expect.objectContaining({
        ...{ code: 'OPTION_UNKNOWN', field: 'level', hint: expect.stringContaining('"levels"') },
        message: `${name} has no option "level"`,
      })
    expect(() => rowInt8({ level: 3 } as never)).toThrow(refused('row_int8'))
    expect(() => new RowInt8Config({ level: 3 } as never)).toThrow(refused('RowInt8Config'))
  })

  test.each([null, 'levels', ['levels']])('are an object, and not %j', (options) => {
    const refused = expect.objectContaining({ code: 'OPTIONS_TYPE', found: options })
    expect(() => rowInt8(options as never)).toThrow(refused)
    expect(() => new RowInt8Config(options as never)).toThrow(refused)
  })

  test('are left out where they are undefined', () => {
    expect(rowInt8({ levels: undefined } as never).value).toEqual({ levels: 127, keepInFloat: undefined })
    expect(new RowInt8Config({ levels: undefined } as never).value).toMatchObject({ levels: 127 })
  })

  test('that are longer than any name are refused without a guess', () => {
    const refused = expect.objectContaining({ hint: 'The options are keepInFloat, levels.' })
    expect(() => rowInt8({ ['x'.repeat(201)]: 3 } as never)).toThrow(refused)
  })

  test('are checked as the fields of config.json are', () => {
    expect(() => rowInt8({ levels: 'many' as never })).toThrow(expect.objectContaining({ field: 'levels' }))
    expect(() => new RowInt8Config({ levels: 1.5 })).toThrow(expect.objectContaining({ field: 'levels' }))
  })

  test('are explicit where they are given, and those without a key are no part of config.json', () => {
    const config = new RowInt8Config({ levels: 63, keepInFloat: ['x'] })
    expect(config.toDict()).toMatchObject({ levels: 63, quant_method: 'row_int8' })
    expect([...config.explicitKeys]).toEqual(['levels'])
    expect(config.value).toMatchObject({ keepInFloat: ['x'] })
    expect([...new RowInt8Config({}).explicitKeys]).toEqual([])
  })
})
