import {
  type Checkpoint,
  CheckpointError,
  type FloatDtype,
  findModule,
  isFloatDtype,
  Parameter,
  QuantizedModule,
  type Shell,
  storedWeight,
} from '@hfquant/core'

/**
 * Old tools wrote a bias for layers that have none. One of zeros is left out; any other belongs to the weight and is
 * added to the module.
 *
 * @throws CheckpointError TENSOR_MISMATCH for a bias of another shape.
 */
export async function adoptStoredBiases(
  shell: Shell,
  paths: readonly string[],
  checkpoint: Checkpoint,
): Promise<void> {
  for (const path of paths) {
    const module = findModule(shell.root, path)
    const stored = storedWeight(checkpoint, path)
    const bias = stored?.tensors.get('bias')
    if (!(module instanceof QuantizedModule) || module.bias !== undefined || bias === undefined) continue
    const { outFeatures } = module.info
    if (!isFloatDtype(bias.dtype) || bias.shape.length !== 1 || bias.shape[0] !== outFeatures) {
      const found = `${bias.dtype} [${bias.shape.join(', ')}]`
      throw new CheckpointError(
        'TENSOR_MISMATCH',
        `"${path}.bias" is ${found}, expected float16 [${outFeatures}]`,
        {
          module: path,
          tensor: `${path}.bias`,
          found,
          expected: `float16 [${outFeatures}]`,
          hint: 'config.json and the weights describe different models; take both from the same revision.',
        },
      )
    }
    if (stored!.trusted) continue
    const bytes = await stored!.read('bias')
    if (isZero(bytes, bias.dtype === 'float32' ? 4 : 2)) continue
    module.parameters.set('bias', new Parameter(bias.dtype as FloatDtype, [outFeatures]))
  }
}

/** Zeros of either sign: the highest bit of an element does not count. */
const isZero = (bytes: Uint8Array, width: number): boolean =>
  bytes.every((byte, index) => (index % width === width - 1 ? byte & 0x7f : byte) === 0)
