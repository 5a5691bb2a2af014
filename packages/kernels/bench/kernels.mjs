// Millions of elements a second on one core, kernel against formula: `pnpm bench [rows] [columns]` after a build.
// The kernel's time includes copying inputs into WebAssembly memory and results back, as it does in a worker.
import { cpus } from 'node:os'
import { reference, runKernel } from '@hfquant/kernels'

const rows = Number(process.argv[2] ?? 1024)
const columns = Number(process.argv[3] ?? 4096)
const elements = rows * columns
const RUNS = 15

const floats = new Uint8Array(elements * 4)
const values = new Float32Array(floats.buffer)
for (let i = 0; i < elements; i++) values[i] = (Math.random() + Math.random() + Math.random() - 1.5) / 10

const weights = { float32: floats }
for (const dtype of ['bfloat16', 'float16']) {
  weights[dtype] = new Uint8Array(elements * 2)
  runKernel('cast', { from: 'float32', to: dtype }, [floats], [weights[dtype]])
}
const bytes = (length) => new Uint8Array(length)

const shape = { rows, columns }
const int8 = [bytes(elements), bytes(rows * 4), bytes(rows)]
runKernel('int8Rows', { dtype: 'bfloat16', ...shape }, [weights.bfloat16], int8)
const int4 = { ...shape, groupSize: 32, bits: 4, eps: 'tiny' }
const groups = elements / 32
const groupOutputs = () => [bytes(elements), bytes(groups * 4), bytes(groups)]

const calls = []
const add = (kernel, params, inputs, outputs) => calls.push({ kernel, params, inputs, outputs })
for (const dtype of ['float32', 'bfloat16', 'float16']) {
  add('int8Rows', { dtype, ...shape }, [weights[dtype]], [bytes(elements), bytes(rows * 4), bytes(rows)])
}
for (const mapping of ['symmetric', 'symmetricNoClippingErr', 'asymmetric']) {
  const outputs = groupOutputs()
  outputs[1] = bytes(groups * 2)
  add('intGroups', { dtype: 'bfloat16', ...int4, mapping }, [weights.bfloat16], outputs)
}
add('intGroups', { dtype: 'float32', ...int4, mapping: 'symmetric' }, [weights.float32], groupOutputs())
add('rowAbsMax', { dtype: 'bfloat16', ...shape }, [weights.bfloat16], [bytes(rows * 4)])
add('cast', { from: 'bfloat16', to: 'float32' }, [weights.bfloat16], [bytes(elements * 4)])
add('cast', { from: 'float32', to: 'bfloat16' }, [weights.float32], [bytes(elements * 2)])
add('cast', { from: 'float32', to: 'float16' }, [weights.float32], [bytes(elements * 2)])
const back = { ...shape, groupSize: columns, scaleDtype: 'float32', dtype: 'bfloat16' }
add('dequantizeRows', back, int8, [bytes(elements * 2)])
add('offsetCodes', { bits: 8 }, [int8[0]], [bytes(elements)])
add('packNibbles', { ...shape, blockSize: 32 }, [int8[0]], [bytes((rows * Math.ceil(columns / 32) * 32) / 2)])

for (const [dtype, quantType] of [
  ['bfloat16', 'nf4'],
  ['bfloat16', 'fp4'],
  ['float32', 'nf4'],
]) {
  const params = { dtype, ...shape, quantType, blockSize: 64, profile: 'cpu' }
  add('bnb4Quantize', params, [weights[dtype]], [bytes(elements / 2), bytes(elements / 16)])
}
const packed = [bytes(elements / 2), bytes(elements / 16)]
runKernel(
  'bnb4Quantize',
  { dtype: 'bfloat16', ...shape, quantType: 'nf4', blockSize: 64, profile: 'cpu' },
  [weights.bfloat16],
  packed,
)
for (const dtype of ['float32', 'bfloat16']) {
  const params = { dtype, ...shape, quantType: 'nf4', blockSize: 64 }
  add('bnb4Dequantize', params, packed, [bytes(elements * (dtype === 'float32' ? 4 : 2))])
}
const nested = { count: elements, blockSize: 256, profile: 'cpu' }
add('bnb8Quantize', nested, [floats], [bytes(elements), bytes(elements / 64)])
add(
  'llmInt8Quantize',
  { dtype: 'bfloat16', ...shape },
  [weights.bfloat16],
  [bytes(elements), bytes(rows * 4)],
)

const gptqGroups = elements / 128
const gptqParams = { ...shape, groupSize: 128, bits: 4, symmetric: true, oneSided: false }
const gptqRules = { minimumZero: 0, searchExponent: 0, roundScales: false }
const gptqCodes = bytes(elements)
for (const dtype of ['float32', 'bfloat16', 'float16']) {
  const params = { dtype, ...gptqParams, ...gptqRules }
  const words = bytes(elements / 2)
  add('gptqGrid', params, [weights[dtype]], [gptqCodes, bytes(gptqGroups * 4), bytes(gptqGroups)])
  const outputs = [words, bytes(gptqGroups * 2), bytes(gptqGroups)]
  add(
    'gptqRound',
    { from: dtype, ...params, dtype: 'float16', scaleDtype: 'float16' },
    [weights[dtype]],
    outputs,
  )
}
for (const bits of [2, 3, 4, 8])
  add('packColumns', { bits, ...shape }, [bytes(elements)], [bytes((elements * bits) / 8)])

for (const dtype of ['float32', 'bfloat16']) {
  const size = (elements / 128) * (dtype === 'float32' ? 4 : 2)
  const params = { dtype, ...shape, groupSize: 128 }
  add('int4OffsetQuantize', params, [weights[dtype]], [bytes(elements / 2), bytes(size), bytes(size)])
}
const offsets = [bytes(elements / 2), bytes((elements / 128) * 2), bytes((elements / 128) * 2)]
const whole = { outFeatures: rows, first: 0, scaleDtype: 'bfloat16', dtype: 'float32' }
add('int4OffsetDequantize', { ...shape, groupSize: 128, ...whole }, offsets, [bytes(elements * 4)])
const float8 = { ...shape, groupSize: columns, codeDtype: 'float8_e4m3fn', dtype: 'float32' }
add('float8Dequantize', float8, [bytes(elements), bytes(rows * 4).fill(60)], [bytes(elements * 4)])
add('transposeCodes', shape, [int8[0]], [bytes(elements)])
for (const [type, size] of [
  ['Q8_0', 34],
  ['Q4_0', 18],
]) {
  const blocks = [bytes((elements / 32) * size)]
  add('ggufBlocks', { type, dtype: 'bfloat16', ...shape }, [weights.bfloat16], blocks)
  add('ggufCodes', { type, ...shape }, blocks, [bytes((elements / 32) * (size - 2)), bytes(elements / 8)])
}

/** Best of several runs: the machine's own noise only ever adds time. */
function rate(run, runs) {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < runs; i++) {
    const start = performance.now()
    run()
    best = Math.min(best, performance.now() - start)
  }
  return elements / best / 1000
}

console.log(`${cpus()[0]?.model}, Node ${process.version}, ${rows} x ${columns}, M elements/s on one core`)
console.log(`${'kernel'.padEnd(22)}${'parameters'.padEnd(44)}${'SIMD'.padStart(8)}${'formula'.padStart(9)}`)
for (const { kernel, params, inputs, outputs } of calls) {
  const fast = rate(() => runKernel(kernel, params, inputs, outputs), RUNS)
  const plain = rate(() => reference[kernel](params, inputs, outputs), 2)
  const { rows: _rows, columns: _columns, ...shown } = params
  const what = Object.values(shown).join(' ')
  console.log(
    kernel.padEnd(22) + what.padEnd(44) + fast.toFixed(0).padStart(8) + plain.toFixed(1).padStart(9),
  )
}
