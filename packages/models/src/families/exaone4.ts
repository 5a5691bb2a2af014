import { type ConfigReader, invalidField } from '../config/config-reader.js'
import { readLayerKinds, readWindows, slidesUnlessEvery } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { AFTER_NORMS } from '../decoder/names.js'
import { rmsNorm } from '../parts/norm.js'
import { widthUnlike, windowMetadata } from './gguf-limits.js'

/** EXAONE 4: norms behind the branches and of each head; where there are windows, only their layers turn. */
export const exaone4 = decoderFamily({
  names: ['Exaone4ForCausalLM'],
  modelTypes: ['exaone4'],
  revision: 2,
  defaults: { sliding_window: 4096 },
  choose(read, { headSize, positions, layers }) {
    const hasWindow = read.has('sliding_window')
    const kinds = readLayerKinds(read, layers, hasWindow ? readPattern(read) : () => false)
    const windows = readWindows(read, kinds, positions)
    const norm = rmsNorm(read.number('rms_norm_eps', 1e-5))
    const rope = readRope(read, { headSize, positions })
    return {
      norm,
      attention: (index) => ({
        ...{ headNorm: { over: 'head', norm }, window: windows[index] },
        rope: !hasWindow || kinds[index] === 'sliding_attention' ? rope : undefined,
      }),
      names: { norms: AFTER_NORMS },
    }
  },
  gguf: {
    architecture: 'exaone4',
    ropeFactors: ['llama3'],
    metadata: ({ layers }) => (layers.length === DEEP ? windowMetadata(layers) : {}),
    refuses(config) {
      const hasWindows = config.layers.some(({ attention }) => attention.window !== undefined)
      if (hasWindows !== (config.layers.length === DEEP)) {
        return `it has ${hasWindows ? '' : 'no '}windows in ${config.layers.length} layers`
      }
      return widthUnlike(config)
    },
  },
})

/** Layers of the one size that llama.cpp gives windows to. */
const DEEP = 64

/** The pattern is a number of layers, or letters for them, of which L slides and G does not. */
function readPattern(read: ConfigReader): (index: number) => boolean {
  const field = 'sliding_window_pattern'
  const { [field]: pattern } = read.json
  if (typeof pattern !== 'string') return slidesUnlessEvery(read.size(field, 4))
  if (!/^[LG]+$/.test(pattern)) throw invalidField(field, pattern, 'a number of layers, or letters L and G')
  return (index) => pattern[index % pattern.length] === 'L'
}
