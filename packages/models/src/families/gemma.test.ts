import type { GraphBuilder } from '@hfquant/core'
import { expect, test } from 'vitest'
import type { Architecture, DecoderDescription } from '../architecture/define-architecture.js'
import type { Ops } from '../ops/ops.js'
import type { Activation } from '../parts/activation.js'
import { gemma } from './gemma.js'
import { gemma2 } from './gemma2.js'
import { gemma3 } from './gemma3.js'
import { gemma4 } from './gemma4.js'

const config = {
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  hidden_size_per_layer_input: 0,
  vocab_size: 128,
}

/** The activation that a forward asks for. */
function activationOf(
  architecture: Architecture<DecoderDescription>,
  change: object,
): Activation | undefined {
  let found: Activation | undefined
  const value = { name: 'value' }
  const answers: Partial<Ops> = {
    graph: { literal: () => value, node: () => value } as unknown as GraphBuilder,
    activate: (kind) => {
      found = kind
      return value as never
    },
    block: (_path, hidden, body) => body(hidden, (middle) => middle),
  }
  const ops = new Proxy(answers, {
    get: (target, key) => Reflect.get(target, key) ?? (() => value),
  }) as Ops
  architecture.describe({ ...config, ...change }).forward(ops)
  return found
}

// As the modules of transformers 5.18 look their functions up.
test.each([
  [gemma, {}, 'gelu-tanh'],
  [gemma, { hidden_act: 'gelu' }, 'gelu-tanh'],
  [gemma, { hidden_act: 'silu' }, 'silu'],
  [gemma2, {}, 'gelu-tanh'],
  [gemma2, { hidden_activation: 'gelu' }, 'gelu'],
  [gemma2, { hidden_act: 'silu' }, 'gelu-tanh'],
  [gemma3, { hidden_activation: 'relu' }, 'relu'],
  [gemma4, {}, 'gelu-tanh'],
  [gemma4, { hidden_activation: 'silu' }, 'silu'],
] as const)('the MLP of %# with %j', (architecture, change, activation) => {
  expect(activationOf(architecture, change)).toBe(activation)
})
