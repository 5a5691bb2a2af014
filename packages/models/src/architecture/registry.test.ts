import { expect, test } from 'vitest'
import { llama } from '../families/llama.js'
import type { Architecture } from './define-architecture.js'
import { registerArchitecture } from './registry.js'

test('a definition of another version is refused before its names are taken', () => {
  const later = { ...llama, names: ['LaterForCausalLM'], modelTypes: ['later'], specVersion: 2 }
  expect(() => registerArchitecture(later as unknown as Architecture)).toThrow(
    expect.objectContaining({ code: 'DEFINITION_INVALID', field: 'specVersion', found: 2 }),
  )
  expect(() => registerArchitecture({ ...llama, names: [], modelTypes: ['later'] })).not.toThrow()
})
