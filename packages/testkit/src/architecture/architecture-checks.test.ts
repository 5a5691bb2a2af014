import { knownArchitectures } from '@hfquant/models'
import { expect, test } from 'vitest'
import { architectureChecks } from './architecture-checks.js'

test('without a golden there is nothing to try a family with, and a sentence says so', () => {
  const [architecture] = knownArchitectures('decoder')
  const frontDoor = { fromPretrained: () => Promise.reject(new Error('is not called')) }
  expect(() => architectureChecks(architecture!, { frontDoor, goldens: [] })).toThrow(
    /^ApertusForCausalLM has no golden/,
  )
})
