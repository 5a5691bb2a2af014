import { describe, expect, test } from 'vitest'
import { configReader } from './config-reader.js'
import { readRope } from './read-rope.js'
import { ropeRemark } from './rope-remark.js'

const rope_parameters = { rope_type: 'linear', factor: 2, rope_theta: 5e5 }
const rope = (json: object) => {
  const { theta, scaling } = readRope(configReader({ ...json }), { headSize: 16, positions: 64 })
  return { theta, scaling }
}

test('alpha of a dynamic rope is for Hunyuan alone', () => {
  const json = { rope_scaling: { rope_type: 'dynamic', factor: 2, alpha: 1000 } }
  expect(rope(json)).toEqual({ theta: 10000, scaling: { type: 'default' } })
})

// As LlamaConfig of transformers 5.18 has them.
describe('rope_scaling beside rope_parameters', () => {
  test.each([
    [{ rope_scaling: { rope_type: 'linear', factor: 4 } }, 10000],
    [{ rope_scaling: { type: 'linear', factor: 4 }, rope_theta: 123 }, 123],
    [{ rope_scaling: { type: 'linear', factor: 4, rope_theta: 7 } }, 7],
  ])('%j takes its place whole, and a remark says so', (added, theta) => {
    const json = { rope_parameters, ...added }
    expect(rope(json)).toEqual({ theta, scaling: { type: 'linear', factor: 4 } })
    expect(ropeRemark(json)).toContain('factor')
  })

  test.each([{ rope_scaling: {} }, { rope_scaling: null }, {}])('%j leaves it alone', (added) => {
    const json = { rope_parameters, ...added }
    expect(rope(json)).toEqual({ theta: 5e5, scaling: { type: 'linear', factor: 2 } })
    expect(ropeRemark(json)).toBeUndefined()
  })

  test('saying the same is not worth a word', () => {
    expect(ropeRemark({ rope_parameters, rope_scaling: rope_parameters })).toBeUndefined()
  })
})
