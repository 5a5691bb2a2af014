import type { CheckpointHeaders, JsonObject, MethodSigns } from '@hfquant/core'
import { isAutoRound, PACKING } from './auto-round/block.js'
import type { Arrangement } from './format/layout.js'

/**
 * quant_config.json of AutoAWQ's first releases does not name its method, but a version of the layout. Models of AutoRound
 * have the tensors of other methods.
 */
function claims(json: JsonObject): boolean {
  const { quant_method: method, version, zero_point: zeroPoint } = json
  if (isAutoRound(json)) return json.packing_format === PACKING
  return method == null && typeof version === 'string' && typeof zeroPoint === 'boolean'
}

const recognizes = (headers: CheckpointHeaders): boolean => awqTensors(headers).length > 0

export const signs: readonly MethodSigns[] = [{ quantMethod: 'awq', claims, recognizes }]

/** A weight as its tensors show it. */
export interface AwqTensors {
  readonly path: string
  readonly arrangement: Arrangement
  /** Shapes of qweight, scales and of the zero points. */
  readonly codes: readonly number[]
  readonly scales: readonly number[]
  readonly zeros: readonly number[] | undefined
}

/** The weights of a checkpoint whose tensors are those of AWQ. */
export const awqTensors = ({ tensors }: CheckpointHeaders): readonly AwqTensors[] =>
  [...tensors.keys()].flatMap((name) => {
    const path = ENDING.exec(name)?.[1]
    const found = path === undefined ? undefined : tensorsBelow(path, tensors)
    return found === undefined ? [] : [found]
  })

const ENDING = /^(.*)\.qweight$/

function tensorsBelow(path: string, tensors: CheckpointHeaders['tensors']): AwqTensors | undefined {
  const { dtype, shape: codes } = tensors.get(`${path}.qweight`)!
  const scales = tensors.get(`${path}.scales`)?.shape
  const zeros = (tensors.get(`${path}.qzeros`) ?? tensors.get(`${path}.scaled_zeros`))?.shape
  if (scales === undefined || tensors.has(`${path}.g_idx`)) return undefined
  const arrangement = arrangementOf(dtype, codes, scales, zeros)
  return arrangement && { path, arrangement, codes, scales, zeros }
}

/**
 * Words of gemm run along the rows of a weight, eight of which share one: qweight [K, N / 8] beside scales [G, N]. Those of
 * gemv run along the columns: [N, K / 8] beside scales and zero points with a line for each row. GPTQ has [K / 8, N] beside
 * scales [G, N].
 */
function arrangementOf(
  dtype: string,
  codes: readonly number[],
  scales: readonly number[],
  zeros: readonly number[] | undefined,
): Arrangement | undefined {
  if (dtype === 'int16') return codes[0]! * 4 === scales[1] ? 'gemv_fast' : undefined
  if (dtype !== 'int32') return undefined
  if (codes[1]! * 8 === scales[1]) return 'gemm'
  return codes[0] === scales[0] && zeros?.[0] === codes[0] ? 'gemv' : undefined
}
