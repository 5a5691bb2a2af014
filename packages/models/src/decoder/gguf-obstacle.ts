import type { Rope } from '../parts/rope.js'
import type { DecoderConfig } from './decoder-config.js'
import type { DecoderGguf } from './gguf-of-decoder.js'

/** What a model has that its architecture in llama.cpp has no place for; undefined for one that fits. */
export const ggufObstacle = (config: DecoderConfig, family: DecoderGguf): string | undefined =>
  activationObstacle(config, family) ??
  biasObstacle(config, family) ??
  scoreObstacle(config, family) ??
  outputObstacle(config, family) ??
  ropeObstacle(config, family)

/** The rope of the layers that attend to everything, where there are two. */
export const fullRope = ({ layers }: DecoderConfig): Rope | undefined => {
  const full = layers.find(({ attention }) => attention.rope !== undefined && attention.window === undefined)
  return (full ?? layers.find(({ attention }) => attention.rope !== undefined))?.attention.rope
}

function activationObstacle({ layers }: DecoderConfig, { activation = 'silu' }: DecoderGguf) {
  const other = layers.find(({ mlp }) => plainGelu(mlp.activation) !== plainGelu(activation))
  return other && `its activation is ${other.mlp.activation}, not ${activation}`
}

const plainGelu = (activation: string): string => (activation === 'gelu-tanh' ? 'gelu' : activation)

function biasObstacle({ layers }: DecoderConfig, { biases }: DecoderGguf): string | undefined {
  const output = layers.some(({ attention }) => attention.outputBias)
  const mlp = layers.some(({ mlp }) => mlp.bias)
  if (biases === 'optional') return undefined
  if (biases === 'always') return output && mlp ? undefined : 'it lacks biases'
  if (mlp) return 'its MLP has biases'
  return output && biases === undefined ? 'the output of its attention has a bias' : undefined
}

/** Scores are scaled by one number for all layers, and capped in families that have a key for it. */
function scoreObstacle(config: DecoderConfig, { metadata, scoreSize }: DecoderGguf): string | undefined {
  const keys = metadata?.(config) ?? {}
  const { attention: first } = config.layers[0]!
  const usual = (scoreSize?.(config) ?? first.headSize) ** -0.5
  for (const { attention } of config.layers) {
    const { scale = attention.headSize ** -0.5, softCap } = attention
    const expected = keys['attention.scale'] === undefined ? usual : first.scale!
    if (Math.abs(scale / expected - 1) > 1e-6) return 'its scores are scaled in another way'
    if ((softCap === undefined) !== (keys.attn_logit_softcapping === undefined)) {
      return `its scores are ${softCap === undefined ? 'not ' : ''}capped`
    }
  }
  return undefined
}

function outputObstacle(config: DecoderConfig, { metadata, output }: DecoderGguf): string | undefined {
  if (output === 'token table' && !config.tied) return 'its output matrix is not the token table'
  const isCapped = config.output.softCap !== undefined
  const hasKey = metadata?.(config).final_logit_softcapping !== undefined
  return isCapped === hasKey ? undefined : `its logits are ${isCapped ? '' : 'not '}capped`
}

function ropeObstacle(config: DecoderConfig, { metadata, ropeFactors = [] }: DecoderGguf) {
  const ropesOf = (slides: boolean) =>
    new Set(
      config.layers.flatMap(({ attention: { rope, window } }) =>
        rope !== undefined && (window !== undefined) === slides ? [JSON.stringify(rope)] : [],
      ),
    )
  const [full, sliding] = [ropesOf(false), ropesOf(true)]
  const isOne = new Set([...full, ...sliding]).size < 2
  // A second rope has a key for its base alone.
  const hasSecond = metadata?.(config)['rope.freq_base_swa'] !== undefined
  const plain = config.layers.every(
    ({ attention: { rope, window } }) => window === undefined || rope?.scaling.type === 'default',
  )
  const isTwo = full.size < 2 && sliding.size < 2 && hasSecond && plain
  if (!isOne && !isTwo) return 'its layers turn in different ways'
  const { type } = fullRope(config)?.scaling ?? { type: 'default' }
  const known = ['default', 'linear', 'yarn', ...ropeFactors]
  return known.includes(type) ? undefined : `its rope is scaled by "${type}"`
}
