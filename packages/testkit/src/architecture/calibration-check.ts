import type { QuantizationConfigInput } from '@hfquant/core/runtime'
import { demand } from '../conformance/breach.js'
import type { FrontDoor, FrontDoorModel } from '../conformance/front-door.js'

/** A way to quantize that calibrates, and the same grid without calibration. */
export interface CalibratedConfigs {
  /** @param dataset lists of token ids. */
  calibrated(dataset: readonly (readonly number[])[]): Promise<QuantizationConfigInput>
  readonly nearest: QuantizationConfigInput
}

/** Loads models as far as they are compared here. */
export interface CalibratedDoor {
  fromPretrained(
    ...request: Parameters<FrontDoor['fromPretrained']>
  ): Promise<AsyncDisposable & Pick<FrontDoorModel, 'quantization' | 'forward'>>
}

const SEQUENCES = 12
const TOKENS = 64

/** Calibrated weights are those of the same modules, and come nearer to the float model than weights rounded to nearest. */
export async function calibrates(
  door: CalibratedDoor,
  folder: string,
  { calibrated, nearest }: CalibratedConfigs,
): Promise<void> {
  const dataset = Array.from({ length: SEQUENCES }, (_, seed) =>
    Array.from({ length: TOKENS }, (_, at) => (at * at * (seed + 3) + at * 7 + seed * 31) % 96),
  )
  const float = await computed(door, folder, dataset)
  const fitted = await computed(door, folder, dataset, await calibrated(dataset))
  const rounded = await computed(door, folder, dataset, nearest)
  demand(
    fitted.skipped === rounded.skipped,
    `modules in float: ${fitted.skipped}, without calibration: ${rounded.skipped}`,
    'every linear layer of the blocks is calibrated',
  )
  const [left, right] = [distance(fitted.logits, float.logits), distance(rounded.logits, float.logits)]
  demand(
    left > 0 && left < right,
    `calibrated logits are ${left} from those of the float model, rounded ones ${right}`,
    'calibrated weights are nearer to the float model on what they were calibrated with',
  )
}

async function computed(
  door: CalibratedDoor,
  folder: string,
  inputIds: readonly (readonly number[])[],
  quantizationConfig?: QuantizationConfigInput,
) {
  const options = {
    compute: 'exact',
    cache: false,
    ...(quantizationConfig && { quantizationConfig }),
  } as const
  await using model = await door.fromPretrained(folder, options)
  const { logits } = await model.forward({ inputIds })
  return { logits, skipped: (model.quantization?.skipped ?? []).map(({ module }) => module).join() }
}

/** Root of the mean square. */
function distance(left: Float32Array, right: Float32Array): number {
  const sum = left.reduce((total, value, index) => total + (value - right[index]!) ** 2, 0)
  return Math.sqrt(sum / left.length)
}
