import { type FloatDtype, type GraphValue, joinPath, Linear, Module } from '@hfquant/core/runtime'
import type { EncoderOps } from '@hfquant/models'

/** linear → ReLU → linear, under the places that a torch.nn.Sequential with a dropout gives them. */
export interface NetworkSizes {
  readonly input: number
  readonly hidden: number
  readonly output: number
}

/** Names of its layers. */
export const FIRST = '0'
export const LAST = '3'

export function smallNetwork({ input, hidden, output }: NetworkSizes, dtype: FloatDtype): Module {
  const network = new Module()
  network.child(FIRST, new Linear(input, hidden, dtype, { bias: true }))
  network.child(LAST, new Linear(hidden, output, dtype, { bias: true }))
  return network
}

/** [.., input] to [.., output]. */
export function runNetwork(ops: EncoderOps, path: string, x: GraphValue): GraphValue {
  const hidden = ops.activate('relu', ops.linear(joinPath(path, FIRST), x), path)
  return ops.linear(joinPath(path, LAST), hidden)
}
