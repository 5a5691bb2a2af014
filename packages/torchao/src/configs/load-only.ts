import { type Fields, type ObjectValue, objectValue } from '../encoding/values.js'
import { FLOAT8_TENSOR } from '../tensors/float8-tensor.js'
import { describeIntxTensor } from '../tensors/intx-tensor.js'
import type { ConfigClass, TorchAoBaseConfig } from './base-config.js'
import { notQuantizable } from './not-quantizable.js'
import { refuseUnknownFields } from './read-fields.js'

interface LoadOnlyClass {
  readonly className: string
  readonly versions: readonly number[]
  readonly fields: readonly string[]
  /** What the tensors of a weight are, as the format of a stored weight says it. */
  storedAs(fields: Fields): string
  readonly remark?: string
  /** Why weights are not quantized with it, and what to do instead. */
  readonly reason: string
  readonly hint: string
}

const FLOAT8_REASON =
  'float8 products need an accelerator that ONNX Runtime does not drive, so float8 would only cost accuracy'
const INT8_HINT = 'Use new Int8DynamicActivationInt8WeightConfig(), which is as small and runs everywhere.'

const CLASSES: readonly LoadOnlyClass[] = [
  {
    className: 'Float8WeightOnlyConfig',
    versions: [1, 2],
    fields: ['weight_dtype', 'set_inductor_config', 'granularity'],
    storedAs: () => FLOAT8_TENSOR,
    reason: FLOAT8_REASON,
    hint: INT8_HINT,
  },
  {
    className: 'Float8DynamicActivationFloat8WeightConfig',
    versions: [1, 2],
    fields: [
      'activation_dtype',
      'weight_dtype',
      'granularity',
      'packing_format',
      'mm_config',
      'activation_value_lb',
      'activation_value_ub',
      'kernel_preference',
      'set_inductor_config',
      'alg_id',
    ],
    storedAs: () => FLOAT8_TENSOR,
    remark: 'activations stay float here: they are not rounded to float8',
    reason: FLOAT8_REASON,
    hint: INT8_HINT,
  },
  {
    className: 'Float8DynamicActivationInt4WeightConfig',
    versions: [1],
    fields: ['int4_packing_format'],
    storedAs: () => 'Int4PreshuffledTensor',
    reason: 'its codes are stored in the order of one kernel of one accelerator',
    hint: 'Use new Int4WeightOnlyConfig(), whose plain packing every machine reads.',
  },
  {
    className: 'Int8DynamicActivationInt4WeightConfig',
    versions: [1],
    fields: ['group_size', 'layout', 'mapping_type', 'act_mapping_type', 'set_inductor_config'],
    // As its tensors of version 1 are read; see flattenAffine.
    storedAs: ({ group_size: groupSize = 32 }) => describeIntxTensor('int4', Number(groupSize), true),
    reason: 'torchao has replaced it',
    hint: "Use new Int8DynamicActivationIntxWeightConfig({ weightDtype: 'int4' }).",
  },
]

/** Config classes whose checkpoints load, and that nothing is quantized with here. */
export const loadOnlyClasses: readonly ConfigClass[] = CLASSES.map((known) => ({
  className: known.className,
  versions: known.versions,
  read(fields, version, path) {
    refuseUnknownFields(fields, known.fields, path)
    return loadOnlyConfig(known, fields, version)
  },
}))

function loadOnlyConfig(known: LoadOnlyClass, fields: Fields, version: number): TorchAoBaseConfig {
  const { className, remark, reason, hint } = known
  return {
    className,
    version,
    ...(remark === undefined ? {} : { remark }),
    encoded: (): ObjectValue => objectValue(className, fields, version),
    describe: () => className,
    storedAs: () => known.storedAs(fields),
    formatFor() {
      throw notQuantizable(`${className} (${reason})`, 'an integer config', hint)
    },
  }
}
