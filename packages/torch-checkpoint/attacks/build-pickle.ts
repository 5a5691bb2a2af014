/** A pickle in the making: opcodes and arguments as bytes. */
export type Code = readonly number[]

const utf8 = new TextEncoder()
const uint32 = (value: number): Code => [...new Uint8Array(new Uint32Array([value]).buffer)]

export const op = (character: string): Code => [character.charCodeAt(0)]
export const global = (module: string, name: string): Code => [...utf8.encode(`c${module}\n${name}\n`)]
export const text = (value: string): Code => {
  const bytes = utf8.encode(value)
  return [0x58, ...uint32(bytes.byteLength), ...bytes]
}
export const integer = (value: number): Code => [0x4a, ...uint32(value)]
/** Any size, up to 8 bytes. */
export const long = (value: bigint): Code => [0x8a, 8, ...new Uint8Array(new BigInt64Array([value]).buffer)]
export const tuple = (...items: readonly Code[]): Code => [0x28, ...items.flat(), 0x74]
export const list = (...items: readonly Code[]): Code => [0x5d, 0x28, ...items.flat(), 0x65]
/** Keys and values in turn. */
export const dict = (...items: readonly Code[]): Code => [0x7d, 0x28, ...items.flat(), 0x75]
export const reduce = (callee: Code, ...args: readonly Code[]): Code => [...callee, ...tuple(...args), 0x52]
/** NEWOBJ and, when there is a state, BUILD. */
export const create = (cls: Code, args: Code = op(')'), state: Code = []): Code => [
  ...cls,
  ...args,
  0x81,
  ...state,
  ...(state.length > 0 ? [0x62] : []),
]
export const put = (index: number): Code => [0x71, index]
export const get = (index: number): Code => [0x68, index]
export const NONE: Code = op('N')
export const FALSE: Code = [0x89]

export const orderedDict: Code = reduce(global('collections', 'OrderedDict'))
export const storage = (type = 'FloatStorage', key = '0', count: Code = integer(4)): Code => [
  ...tuple(text('storage'), global('torch', type), text(key), text('cpu'), count),
  0x51,
]
const numbers = (values: readonly number[]): Code => tuple(...values.map(integer))

export interface TensorCode {
  readonly storage?: Code
  readonly offset?: Code
  readonly shape?: readonly number[]
  readonly stride?: readonly number[]
}
export const tensor = (code: TensorCode = {}): Code =>
  reduce(
    global('torch._utils', '_rebuild_tensor_v2'),
    code.storage ?? storage(),
    code.offset ?? integer(0),
    numbers(code.shape ?? [4]),
    numbers(code.stride ?? [1]),
    FALSE,
    orderedDict,
  )

/** A tensor subclass of torchao; `inner` replaces parts of the arguments. */
export const quantized = (state: Code, name = 'Int8Tensor', inner: { readonly dtype?: Code } = {}): Code => {
  const cls = global('torchao.quantization', name)
  const args = tuple(
    cls,
    inner.dtype ?? global('torch', 'bfloat16'),
    numbers([2, 2]),
    numbers([2, 1]),
    integer(0),
    reduce(global('torch.serialization', '_get_layout'), text('torch.strided')),
    reduce(global('torch', 'device'), text('cpu')),
    FALSE,
  )
  return reduce(
    global('torch._tensor', '_rebuild_from_type_v2'),
    global('torch._utils', '_rebuild_wrapper_subclass'),
    cls,
    args,
    state,
  )
}

/** PROTO 2, the code and STOP. */
export const pickle = (...code: readonly Code[]): Uint8Array =>
  Uint8Array.from([0x80, 2, ...code.flat(), 0x2e])
