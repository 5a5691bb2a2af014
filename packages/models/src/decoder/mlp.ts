import { type GraphValue, joinPath } from '@hfquant/core/runtime'
import type { LayerOps } from '../ops/ops.js'
import { type Routed, route } from '../parts/routing.js'
import type { BesideChoice, ExpertsChoice, MlpChoice } from './decoder-config.js'
import type { LayerContext } from './forward-layers.js'
import type { ExpertNames } from './names.js'

/** What stands behind attention in a layer: one MLP, or experts. [B, S, D] to [B, S, D] */
export function mlp(context: LayerContext, choice: MlpChoice, x: GraphValue): GraphValue {
  const { experts } = choice
  if (experts !== undefined) return mixture(context, choice, experts, x)
  return oneMlp(context, choice, context.path, context.config.names, x)
}

/** @param path what the names of the projections are relative to. */
function oneMlp(
  { ops, config, path: layer }: LayerContext,
  { kind, inner, activation }: Pick<MlpChoice, 'kind' | 'inner' | 'activation'>,
  path: string,
  names: ExpertNames,
  x: GraphValue,
): GraphValue {
  const linear = (name: string, value: GraphValue) => ops.linear(joinPath(path, name), value)
  const activate = (value: GraphValue) =>
    ops.activate(activation, value, joinPath(layer, config.names.activation))
  if (kind === 'plain') return linear(names.down, activate(linear(names.up, x)))
  if (kind === 'clamped') return linear(names.down, clampedGate(ops, linear(names.gateUp, x), activate))
  const [gate, up] =
    kind === 'fused'
      ? ops.split(linear(names.gateUp, x), [inner, inner])
      : [linear(names.gate, x), linear(names.up, x)] // [B, S, inner]
  return linear(names.down, ops.mul(activate(gate!), up!))
}

/** Gate and up stand in turns. */
function clampedGate(
  ops: LayerOps,
  gateUp: GraphValue,
  activate: (gate: GraphValue) => GraphValue,
): GraphValue {
  const { graph } = ops
  const every = (first: number) =>
    graph.node('Slice', [
      gateUp,
      ...[first, Number.MAX_SAFE_INTEGER, -1, 2].map((value) => graph.literal('int64', [1], [value])),
    ])
  const gate = graph.node('Clip', [every(0), undefined, ops.number(GATE_LIMIT)])
  return ops.mul(ops.add(ops.clip(every(1), GATE_LIMIT), ops.number(1)), activate(gate))
}

/** Of GPT-OSS: a constant in the Python library, too. */
const GATE_LIMIT = 7

/** Σ weight · expert(x) over the chosen experts of each token, and what every token meets besides. */
function mixture(
  context: LayerContext,
  choice: MlpChoice,
  experts: ExpertsChoice,
  x: GraphValue,
): GraphValue {
  const { ops, config, path } = context
  const { names } = config
  const { shared } = experts
  const at = (name: string) => joinPath(path, name)
  const routed = routedBy(context, experts.routing, experts.count, x)
  const mixed = addedUp(context, choice, experts, { ...routed, x })
  if (shared === undefined) return mixed
  const own = oneMlp(context, { ...choice, inner: shared.inner }, at(names.sharedExpert), names.expert, x)
  if (!shared.gate) return ops.add(mixed, own)
  const gate = ops.graph.node('Sigmoid', [ops.linear(at(names.sharedExpertGate), x)])
  return ops.add(mixed, ops.mul(own, gate))
}

/** An MLP and experts of the same stream, each behind a norm of its own; the router reads the stream as it is. */
export function mlpBeside(
  context: LayerContext,
  choice: MlpChoice,
  { inner, experts, routerScale }: BesideChoice,
  { stream, normed }: { readonly stream: GraphValue; readonly normed: GraphValue },
): GraphValue {
  const { ops, config, path } = context
  const { names } = config
  const { beside } = names
  const at = (name: string) => joinPath(path, name)
  const { graph } = ops
  const plain = ops.mul(ops.norm(at(beside.routerNorm), stream), routerScale)
  const read = ops.mul(plain, ops.parameter(at(beside.routerScale), [config.hiddenSize]))
  const routed = routedBy(context, experts.routing, experts.count, read)
  const scales = ops.parameter(at(beside.expertScale), [experts.count])
  const weights = ops.mul(routed.weights, graph.node('Gather', [scales, routed.experts]))
  const x = ops.norm(at(beside.expertsIn), stream)
  const mixed = addedUp(context, { ...choice, inner }, experts, { ...routed, weights, x })
  const own = oneMlp(context, choice, path, names, normed)
  return ops.add(ops.norm(at(beside.mlpOut), own), ops.norm(at(beside.expertsOut), mixed))
}

/** What the chosen experts make of `x`, by their weights. */
function addedUp(
  context: LayerContext,
  choice: MlpChoice,
  { count, routing, kind = choice.kind }: ExpertsChoice,
  routed: Routed & { readonly x: GraphValue },
): GraphValue {
  const { ops, config, path: layer } = context
  const { names } = config
  const path = joinPath(layer, names.experts)
  return ops.experts({
    ...{ count, chosen: routing.chosen, ...routed },
    expert: (index, rows) =>
      oneMlp(context, { ...choice, kind }, joinPath(path, String(index)), names.expert, rows),
  })
}

function routedBy(
  { ops, config, path }: LayerContext,
  routing: ExpertsChoice['routing'],
  count: number,
  x: GraphValue,
): Routed {
  const { wide, graph } = ops
  const router = joinPath(path, config.names.router)
  const bias =
    routing.bias === undefined ? undefined : wide.parameter(joinPath(router, routing.bias), [count])
  const { experts, weights } = route(graph, wide.linear(router, x), count, routing, bias)
  return { experts, weights: wide.narrow(weights) }
}
