import type { FloatDtype, WeightInfo } from '@hfquant/core'
import type { HqqLayout } from '../format/layout.js'
import { PACKINGS } from '../format/packing.js'
import { type Case, type RawTensor, readCase } from './golden.fixture.js'

/** Shapes of the inputs in goldens/inputs.safetensors, [N, K]. */
const SHAPES: Readonly<Record<string, readonly [number, number]>> = { a: [32, 128], b: [24, 80] }

/** A case as the layer of a model. */
export async function caseLayer(golden: Case) {
  const tensors = await readCase(golden.name)
  const [outFeatures, inFeatures] = SHAPES[golden.input.charAt(0)] ?? [16, 64]
  const dtype: FloatDtype = golden.compute_dtype
  const weight: WeightInfo = { path: 'model.fc', kind: 'linear', outFeatures, inFeatures, dtype }
  return { weight, layout: caseLayout(golden, weight), tensors }
}

function caseLayout(golden: Case, { outFeatures, inFeatures }: WeightInfo): HqqLayout {
  const groupSize = golden.effective_group_size
  return {
    packing: PACKINGS.find(({ name }) => name === golden.packing)!,
    axis: golden.axis,
    groupSize,
    groups: (outFeatures * inFeatures) / groupSize,
    parameterDtype: golden.compute_dtype,
    stacked: false,
  }
}

export const bytesOf =
  (tensors: ReadonlyMap<string, RawTensor>) =>
  (key: string): Uint8Array =>
    tensors.get(key)!.bytes
