/** A tensor to be pickled: a view of a storage, which other tensors may share. */
export interface PickledTensor {
  readonly storage: string
  readonly shape: readonly number[]
  /** In elements; contiguous by default. */
  readonly stride?: readonly number[]
  /** In elements. */
  readonly offset?: number
}

/** Bytes of storages by key; each is of one dtype. */
export type Storages = Readonly<
  Record<string, { readonly dtype: 'F32' | 'BF16'; readonly bytes: Uint8Array }>
>

/** A file as `torch.save(state_dict)` writes it: a stored zip with a pickle of protocol 2 and a file for each storage. */
export function torchFile(tensors: Readonly<Record<string, PickledTensor>>, storages: Storages): Uint8Array {
  const entries = Object.entries(tensors).map(([name, tensor]) => [text(name), tensorCode(tensor, storages)])
  const pickle = [0x80, 2, ...ascii('}('), ...entries.flat(2), ...ascii('u.')]
  return storedZip([
    ['archive/data.pkl', Uint8Array.from(pickle)],
    ...Object.entries(storages).map(([key, { bytes }]) => [`archive/data/${key}`, bytes] as const),
    ['archive/version', Uint8Array.from(ascii('3\n'))],
  ])
}

const STORAGE_CLASS = { F32: ['FloatStorage', 4], BF16: ['BFloat16Storage', 2] } as const

function tensorCode({ storage, shape, offset = 0, ...rest }: PickledTensor, storages: Storages): number[] {
  const { dtype, bytes } = storages[storage]!
  const [className, itemBytes] = STORAGE_CLASS[dtype]
  const stride = rest.stride ?? shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1))
  const id = tuple(
    text('storage'),
    global('torch', className),
    text(storage),
    text('cpu'),
    integer(bytes.byteLength / itemBytes),
  )
  const hooks = [...global('collections', 'OrderedDict'), ...ascii(')R')]
  const view = [integer(offset), tuple(...shape.map(integer)), tuple(...stride.map(integer))]
  const values = tuple([...id, ...ascii('Q')], ...view, [0x89], hooks)
  return [...global('torch._utils', '_rebuild_tensor_v2'), ...values, ...ascii('R')]
}

const ascii = (characters: string): number[] => [...Buffer.from(characters)]
const uint32 = (value: number): number[] => [...new Uint8Array(Uint32Array.of(value).buffer)]
const text = (value: string): number[] => [0x58, ...uint32(Buffer.byteLength(value)), ...ascii(value)]
const integer = (value: number): number[] => [...ascii('J'), ...uint32(value)]
const global = (module: string, name: string): number[] => ascii(`c${module}\n${name}\n`)
const tuple = (...items: readonly number[][]): number[] => [...ascii('('), ...items.flat(), ...ascii('t')]

function storedZip(files: readonly (readonly [name: string, data: Uint8Array])[]): Uint8Array {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let position = 0
  for (const [name, data] of files) {
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(name.length, 26)
    const central = Buffer.alloc(46)
    central.writeUInt32LE(0x02014b50, 0)
    central.writeUInt32LE(data.byteLength, 20)
    central.writeUInt32LE(data.byteLength, 24)
    central.writeUInt16LE(name.length, 28)
    central.writeUInt32LE(position, 42)
    directory.push(central, Buffer.from(name))
    parts.push(local, Buffer.from(name), Buffer.from(data))
    position += local.byteLength + name.length + data.byteLength
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(Buffer.concat(directory).byteLength, 12)
  end.writeUInt32LE(position, 16)
  return Buffer.concat([...parts, ...directory, end])
}
