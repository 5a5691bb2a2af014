import { createDict, createObject } from '../pickle/containers.js'
import { type CallContext, describe, type Global, isNode, type ObjectNode } from '../pickle/values.js'
import { type Arguments, readArguments } from './arguments.js'
import { isTensor } from './check-data-fields.js'
import { type TorchDtypeName, torchDtypes } from './dtypes.js'
import type { StorageRef } from './rebuilt.js'
import { checkLayout } from './strided-layout.js'

/** Torch knows two: conjugated and negated. */
const MAX_METADATA = 8

const CALL = { kind: 'call' } as const

/** Storages with a dtype, by class name. */
const storageDtypes: Readonly<Record<string, TorchDtypeName>> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
}

const orderedDict: Global = {
  name: 'collections.OrderedDict',
  meaning: CALL,
  call(args, { refuse, budget }) {
    readArguments(orderedDict.name, args, [0, 0], refuse)
    return createDict(budget, true)
  },
}

/** (storage, offset, size, stride, requires_grad, hooks[, metadata]) */
const rebuildTensorV2: Global = {
  name: 'torch._utils._rebuild_tensor_v2',
  meaning: CALL,
  call(tuple, context) {
    const args = readArguments(rebuildTensorV2.name, tuple, [6, 7], context.refuse)
    const storage = args.storage(0)
    const dtype = storage.dtype ?? args.fail('a storage without dtype')
    checkMetadata(args, 6)
    return rebuild(args, storage, dtype, context)
  },
}

/** (storage, offset, size, stride, requires_grad, hooks, dtype[, metadata]) */
const rebuildTensorV3: Global = {
  name: 'torch._utils._rebuild_tensor_v3',
  meaning: CALL,
  call(tuple, context) {
    const args = readArguments(rebuildTensorV3.name, tuple, [7, 8], context.refuse)
    checkMetadata(args, 7)
    return rebuild(args, args.storage(0), args.dtype(6), context)
  },
}

function rebuild(
  args: Arguments,
  storage: StorageRef,
  dtype: TorchDtypeName,
  { refuse, budget }: CallContext,
): ObjectNode {
  const shape = args.wholeNumbers(2)
  const stride = args.wholeNumbers(3)
  args.flag(4)
  checkHooks(args, 5)
  const tensor = { kind: 'tensor', storage, dtype, shape, stride, offset: args.wholeNumber(1) } as const
  checkLayout(tensor, refuse)
  return createObject(budget, tensor, 128 + 16 * shape.length)
}

/** (tensor, requires_grad, hooks): a parameter is its tensor. */
const rebuildParameter: Global = {
  name: 'torch._utils._rebuild_parameter',
  meaning: CALL,
  call(tuple, { refuse }) {
    const args = readArguments(rebuildParameter.name, tuple, [3, 3], refuse)
    const data = args.at(0)
    args.flag(1)
    checkHooks(args, 2)
    return isNode(data) && isTensor(data) ? data : args.fail(`${describe(data)}, expected a tensor`)
  },
}

const torchSize: Global = {
  name: 'torch.Size',
  meaning: CALL,
  call(tuple, { refuse }) {
    const args = readArguments(torchSize.name, tuple, [1, 1], refuse)
    args.wholeNumbers(0)
    return args.tuple(0)
  },
}

const getLayout: Global = {
  name: 'torch.serialization._get_layout',
  meaning: CALL,
  call(tuple, context) {
    const args = readArguments(getLayout.name, tuple, [1, 1], context.refuse)
    if (args.text(0) !== 'torch.strided') args.fail('another layout than torch.strided')
    return createObject(context.budget, { kind: 'token', className: 'torch.layout', value: 'torch.strided' })
  },
}

/** ("cpu") or ("cuda", 0); where the tensor once was does not matter here. */
const device: Global = {
  name: 'torch.device',
  meaning: CALL,
  call(tuple, context) {
    const args = readArguments(device.name, tuple, [1, 2], context.refuse)
    const value = args.count === 1 ? args.text(0) : `${args.text(0)}:${args.wholeNumber(1)}`
    return createObject(context.budget, { kind: 'token', className: 'torch.device', value })
  },
}

function checkHooks(args: Arguments, index: number): void {
  if (args.dict(index).entries.size !== 0) args.fail('hooks')
}

/** Bits that say "conjugated" or "negated" would change every value. */
function checkMetadata(args: Arguments, index: number): void {
  if (args.count <= index || args.at(index) === null) return
  const { entries } = args.dict(index)
  if (entries.size > MAX_METADATA) args.fail(`${entries.size} metadata entries`)
  for (const value of entries.values()) {
    if (value !== false) args.fail('metadata that changes the values')
  }
}

/** The names of torch and Python that occur in state dicts. */
export const torchNames: readonly Global[] = [
  orderedDict,
  rebuildTensorV2,
  rebuildTensorV3,
  rebuildParameter,
  torchSize,
  getLayout,
  device,
  { name: 'torch.storage.UntypedStorage', meaning: { kind: 'storage', dtype: undefined } },
  ...Object.entries(storageDtypes).map(
    ([name, dtype]): Global => ({ name: `torch.${name}`, meaning: { kind: 'storage', dtype } }),
  ),
  ...torchDtypes.map((dtype): Global => ({ name: `torch.${dtype}`, meaning: { kind: 'dtype', dtype } })),
]
