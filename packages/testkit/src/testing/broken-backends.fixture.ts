import {
  type DeferredWeight,
  type DefinedQuantizer,
  defineQuantizer,
  EnvironmentError,
  type FormatQuantizer,
  type HfQuantizer,
  type IntegerForm,
  Parameter,
  type QuantizationConfig,
  type QuantizedFormat,
  QuantizedModule,
  type QuantizerBackend,
  type QuantizerDefinition,
  readParameter,
  skip,
  type WeightInfo,
  walkModules,
} from '@hfquant/core/runtime'
import {
  type RoundToNearestConfig,
  roundToNearestDefinition,
  roundToNearestFormat,
} from './round-to-nearest.fixture.js'

type Definition = QuantizerDefinition<RoundToNearestConfig>
type Quantizer = FormatQuantizer<RoundToNearestConfig>

/** Scales go where offsets belong. */
export const wrongComponentOrder = withFormat('component_order', (format) => ({
  ...format,
  quantize(rows, out, weight) {
    const swap = (key: string) =>
      ({ weight_scale: 'weight_offset', weight_offset: 'weight_scale' })[key] ?? key
    format.quantize!(rows, { ...out, float32: (key) => out.float32(swap(key)) }, weight)
  },
}))

/** The module that borrows its weight is lost while modules are replaced. */
export const droppedTiedHead = withQuantizer('tied_head', (quantizer) => {
  const preprocess = quantizer.preprocess.bind(quantizer)
  return {
    async preprocess(context) {
      const result = await preprocess(context)
      for (const { alias } of context.shell.ties)
        context.shell.root.children.delete(alias.replace('.weight', ''))
      return result
    },
  }
})

/** Rounds at random. */
export const randomBytes = withFormat('random', (format) => ({
  ...format,
  quantize(rows, out, weight) {
    format.quantize!(rows, out, weight)
    const codes = out.int8('weight')
    for (const index of codes.keys()) if (Math.random() < 0.01) codes[index]! -= Math.sign(codes[index]!)
  },
}))

/** Has a skip list in its configuration and does not tell anybody. */
export const ignoredSkipList = define('skip_list', {
  select: (config) => ({ ...roundToNearestDefinition.select!(config), keep: undefined }),
})

/** Takes whatever shape the file has. */
export const silentShapeMismatch = define('shape', {
  formatFor(_weight, { levels }, { stored }) {
    const format = roundToNearestFormat(levels)
    return {
      ...format,
      components: (weight) =>
        format
          .components(weight)
          .map((part) => ({ ...part, shape: stored?.tensors.get(part.key)?.shape ?? part.shape })),
    }
  },
})

const kept: Float32Array[] = []

/** Keeps a copy of every row it has seen. */
export const leakingMemory = withFormat('leak', (format) => ({
  ...format,
  quantize(rows, out, weight) {
    for (let row = 0; row < rows.count; row++) kept.push(rows.at(row).slice())
    format.quantize!(rows, out, weight)
  },
}))

/** Quantizes late, and ends in silence when it is called off. */
export const swallowedAbort = withQuantizer('abort', (quantizer) => {
  const load = quantizer.load.bind(quantizer)
  return {
    load(module, checkpoint) {
      const plan = load(module, checkpoint)
      return plan.kind === 'quantize' ? { kind: 'deferred', source: plan.source } : plan
    },
    async postprocess({ deferred, signal }) {
      for (const weight of deferred) {
        if (signal?.aborted) return
        await quantizeLate(weight)
      }
    },
  }
})

/** Writes something else than it reads. */
export const wrongJson = define('json', {
  config: {
    ...roundToNearestDefinition.config,
    format: (config) => ({ ...roundToNearestDefinition.config.format(config), levels: config.levels - 1 }),
  },
})

/** Looks at the machine when the shell has been changed already. */
export const lateValidation = withQuantizer('validation', () => ({
  validateEnvironment(environment, deviceMap) {
    if (deviceMap === undefined || environment.has('some-runtime')) return
    throw new EnvironmentError('RUNTIME_MISSING', 'some-runtime is not installed', {
      hint: 'npm install some-runtime',
    })
  },
}))

/** Rounds scales to fewer bits whenever a model is loaded. */
export const lossyResave = withQuantizer('resave', (quantizer) => ({
  async postprocess({ shell }) {
    for (const [, module] of quantizer.preQuantized ? walkModules(shell.root) : []) {
      if (!(module instanceof QuantizedModule)) continue
      const scales = module.component('weight_scale')
      const bytes = await readParameter(scales)
      const buffer = new SharedArrayBuffer(bytes.byteLength)
      for (const [index, byte] of bytes.entries()) new Uint8Array(buffer)[index] = index % 4 === 0 ? 0 : byte
      scales.place({ kind: 'memory', buffer, dtype: 'float32' })
    }
  },
}))

/** Forgets that the head is tied: both are saved. */
export const doubledTiedHead = withQuantizer('doubled_head', (quantizer) => {
  const preprocess = quantizer.preprocess.bind(quantizer)
  return {
    async preprocess(context) {
      const result = await preprocess(context)
      context.shell.ties = []
      return result
    },
  }
})

/** Computes with the codes, without scale and offset. */
export const wrongLowering = withFormat('lowering', (format) => ({
  ...format,
  lower(graph, { input, component }) {
    const codes = graph.node('Cast', [component('weight')], { attributes: { to: { int: 1 } } })
    const turned = graph.node('Transpose', [codes], { attributes: { perm: { ints: [1, 0] } } })
    return graph.node('MatMul', [input, turned])
  },
}))

/** Threads copy the codes, which are read as others here. */
export const wrongPieces = withFormat('pieces', (format) => ({
  ...format,
  lower(graph, { input, read, source, weight: { inFeatures, outFeatures, path } }) {
    const codes = graph.constant({
      ...{ name: `${path}.codes`, dtype: 'int8', shape: [outFeatures, inFeatures] },
      async *chunks() {
        yield (await read('weight')).map((code) => code + 1)
      },
      pieces() {
        const stored = source?.('weight')
        const output = { offset: 0, byteLength: outFeatures * inFeatures }
        return stored && [{ kernel: 'copy', params: {}, inputs: [stored], output }]
      },
    })
    const values = graph.node('Cast', [codes], { attributes: { to: { int: 1 } } })
    const turned = graph.node('Transpose', [values], { attributes: { perm: { ints: [1, 0] } } })
    return graph.node('MatMul', [input, turned])
  },
}))

/** Divides by the largest value of a row, which may be 0. */
export const dividesByZero = withFormat('zero', (format) => ({
  ...format,
  dequantize(stored, out, weight) {
    format.dequantize(stored, out, weight)
    for (let row = 0; row < out.count; row++) {
      const values = out.at(row)
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      for (const [column, value] of values.entries()) values[column] = (value / largest) * largest
    }
  },
}))

/** Fails on shapes that it does not expect. */
export const untypedRefusal = define('untyped', {
  formatFor(weight, { levels }) {
    if (weight.inFeatures % 2 !== 0) throw new Error('odd number of columns')
    return roundToNearestFormat(levels)
  },
})

/** Takes anything for a number. */
export const uncheckedConfig = define('unchecked', {
  config: {
    ...roundToNearestDefinition.config,
    parse: ({ levels = 127 }) => ({ levels: levels as number, keepInFloat: undefined }),
  },
})

/** Leaves layers out and does not say why. */
export const silentSkip = define('silent_skip', {
  formatFor: ({ path }, { levels }) => (path.endsWith('up_proj') ? skip('') : roundToNearestFormat(levels)),
})

/** Has integers whose zero points are one beside those that it computes with. */
export const wrongIntegers = withIntegers('integers', (format) => {
  const { grid, unpack } = format.integers as IntegerForm
  const moved: IntegerForm['unpack'] = (stored, weight) => {
    const { zeros, ...others } = unpack(stored, weight)
    return { ...others, zeros: zeros.map((zero) => zero - 1) }
  }
  return { ...format, integers: { grid: { ...grid, symmetric: false }, unpack: moved } }
})

/** Stores scales of other methods with fewer bits. */
export const lossyPack = withIntegers('pack', (format) => ({
  ...format,
  pack({ scales, ...others }, out, weight) {
    format.pack!(
      { ...others, scales: scales.map((scale) => Math.round(scale * 2 ** 20) / 2 ** 20) },
      out,
      weight,
    )
  },
}))

/** Every backend has a name of its own: a process knows a name once. */
function define(fault: string, change: Partial<Definition>): DefinedQuantizer<RoundToNearestConfig> {
  return defineQuantizer({ ...roundToNearestDefinition, ...change, quantMethod: `broken_${fault}` })
}

/** The same method with another format. */
function withFormat(fault: string, change: (format: QuantizedFormat) => QuantizedFormat): QuantizerBackend {
  return define(fault, { formatFor: (_weight, { levels }) => change(roundToNearestFormat(levels)) })
}

/** The same method without offsets: its codes are integers that can be converted. */
function withIntegers(fault: string, change: (format: QuantizedFormat) => QuantizedFormat): QuantizerBackend {
  const formatFor = ({ inFeatures }: WeightInfo): QuantizedFormat => {
    const format = roundToNearestFormat(127)
    return change({
      ...format,
      quantize(rows, out, weight) {
        format.quantize!(rows, out, weight)
        out.float32('weight_offset').fill(0)
      },
      integers: {
        grid: { bits: 8, groupSize: inFeatures, scaleDtype: 'float32', symmetric: true },
        unpack: (stored, { outFeatures }) => ({
          codes: Uint8Array.from(stored.int8('weight'), (code) => code + 128),
          scales: stored.float32('weight_scale').slice(),
          zeros: new Uint8Array(outFeatures).fill(128),
        }),
      },
      pack({ codes, scales }, out) {
        out.int8('weight').set(Int8Array.from(codes, (code) => code - 128))
        out.float32('weight_scale').set(scales)
      },
    })
  }
  const config = () => roundToNearestDefinition.config.parse({})
  return define(fault, { formatFor, convert: { config, formatFor } })
}

/** The same method with stages of its own. */
function withQuantizer(
  fault: string,
  change: (quantizer: Quantizer) => Partial<HfQuantizer>,
): QuantizerBackend {
  const backend = define(fault, {})
  const create = backend.create.bind(backend)
  return Object.assign(backend, {
    create(config: QuantizationConfig, preQuantized: boolean) {
      const quantizer = create(config, preQuantized) as Quantizer
      return Object.assign(quantizer, change(quantizer))
    },
  })
}

/** What the loader would have done, in one piece. */
async function quantizeLate({ module, source }: DeferredWeight): Promise<void> {
  const { info: weight, format } = module
  const float = new Parameter(source.dtype, source.shape)
  float.storage = { kind: 'file', path: source.file, ...source }
  const values = new Float32Array((await readParameter(float)).slice().buffer)
  const buffer = (key: string) => {
    const { storage } = module.component(key)
    if (storage.kind !== 'memory') throw new TypeError(`${key} is not in memory`)
    return storage.buffer
  }
  const rows = {
    first: 0,
    count: weight.outFeatures,
    at: (row: number) => values.subarray(row * weight.inFeatures, (row + 1) * weight.inFeatures),
  }
  const bytes = (key: string) => new Uint8Array(buffer(key))
  const out = {
    ...{ bytes, uint8: bytes },
    int8: (key: string) => new Int8Array(buffer(key)),
    int32: (key: string) => new Int32Array(buffer(key)),
    float32: (key: string) => new Float32Array(buffer(key)),
    uint16: (key: string) => new Uint16Array(buffer(key)),
  }
  format.quantize!(rows, out, weight)
}
