import { constants } from 'node:buffer'
import { quote, type Refuse, refuseFor } from '../errors.js'
import { readLegacyCheckpoint } from '../legacy/read-legacy-checkpoint.js'
import { type Budget, createBudget } from '../pickle/budget.js'
import { dtypeBytes } from '../tensors/dtypes.js'
import { gather } from '../tensors/gather.js'
import { publishStateDict } from '../tensors/state-dict.js'
import type { TorchTensor } from '../tensors/torch-value.js'
import { readZipCheckpoint } from '../zip/read-zip-checkpoint.js'
import type { Container } from './container.js'
import { openRegularFile, type RegularFile } from './regular-file.js'
import { refuseStandIn } from './stand-in.js'
import { contiguousRange } from './tensor-range.js'
import type { TorchFile } from './torch-file.js'

/** Large enough that a disk is busy, small enough to hold several. */
const DEFAULT_CHUNK_BYTES = 4 * 1024 * 1024

/**
 * Opens a `.bin` or `.pt` file of torch.save and reads the description of its tensors; no tensor is read, nothing is
 * executed.
 *
 * @throws {@link TorchCheckpointError} FILE_NOT_FOUND, FILE_UNREADABLE, FORMAT_UNKNOWN or what is wrong with the container, its
 * pickle or a tensor; then no file stays open
 */
export async function openTorchFile(path: string): Promise<TorchFile> {
  const file = await openRegularFile(path)
  const refuse = refuseFor(path)
  try {
    const budget = createBudget(refuse)
    const container = await readContainer(file, refuse, budget)
    return openedFile(file, refuse, (opened) =>
      publishStateDict(container.top, { file: opened, refuse, budget, locate: container.locate }),
    )
  } catch (error) {
    await file.close()
    throw error
  }
}

async function readContainer(file: RegularFile, refuse: Refuse, budget: Budget): Promise<Container> {
  const start = new Uint8Array(Math.min(file.byteLength, 256))
  await file.readInto(start, 0)
  const text = new TextDecoder('latin1').decode(start)
  if (text.startsWith('PK\x03\x04')) return readZipCheckpoint(file, refuse, budget)
  // Every pickle of protocol 2 or later begins with PROTO.
  if (start[0] === 0x80) return readLegacyCheckpoint(file, refuse, budget)
  refuseStandIn(text, refuse)
  return refuse(
    'FORMAT_UNKNOWN',
    `neither a zip nor a pre-zip file of torch.save; it begins with ${quote(text.slice(0, 32))}`,
  )
}

function openedFile(
  source: RegularFile,
  refuse: Refuse,
  describe: (file: TorchFile) => Pick<TorchFile, 'entries' | 'scalars'>,
): TorchFile {
  let closing: Promise<void> | undefined
  const assertOpen = (): void => {
    if (closing) refuse('FILE_CLOSED', 'was closed before this use')
  }
  const readPart = async (tensor: TorchTensor, start: number, end: number, signal?: AbortSignal) => {
    const { name, byteOffset, isContiguous, dtype } = tensor
    if (end - start > constants.MAX_LENGTH) {
      const problem = `${end - start} bytes do not fit into one buffer of at most ${constants.MAX_LENGTH}`
      refuse('READ_TOO_LARGE', `tensor ${quote(name)}: ${problem}`, { tensor: name })
    }
    const check = (): void => {
      assertOpen()
      signal?.throwIfAborted()
    }
    check()
    if (isContiguous) {
      const bytes = new Uint8Array(end - start)
      await source.readInto(bytes, byteOffset + start, check)
      return bytes
    }
    const itemBytes = dtypeBytes(dtype)
    const first = Math.floor(start / itemBytes)
    const gathered = await gather(tensor, first, Math.ceil(end / itemBytes), (target, position) =>
      source.readInto(target, position, check),
    )
    const skipped = start - first * itemBytes
    return gathered.byteLength === end - start ? gathered : gathered.slice(skipped, skipped + end - start)
  }
  const rangeOf = (tensor: TorchTensor, range: Parameters<typeof contiguousRange>[1]) => {
    assertOpen()
    if (tensor.file !== file) {
      refuse('TENSOR_FOREIGN', `tensor ${quote(tensor.name)} belongs to ${tensor.file.path}`, {
        tensor: tensor.name,
      })
    }
    return contiguousRange(tensor, range, refuse)
  }

  const file: TorchFile = {
    path: source.path,
    get fd() {
      assertOpen()
      return source.fd
    },
    byteLength: source.byteLength,
    get entries() {
      return described.entries
    },
    get scalars() {
      return described.scalars
    },
    async read(tensor, { signal, ...range } = {}) {
      const [start, end] = rangeOf(tensor, range)
      return readPart(tensor, start, end, signal)
    },
    async *stream(tensor, { signal, chunkBytes = DEFAULT_CHUNK_BYTES, ...range } = {}) {
      const [start, end] = rangeOf(tensor, range)
      if (!Number.isSafeInteger(chunkBytes) || chunkBytes < 1) {
        refuse('TENSOR_RANGE', `chunkBytes is ${chunkBytes}, expected 1 or more`, {
          tensor: tensor.name,
          hint: 'Leave chunkBytes out to get the default.',
        })
      }
      for (let position = start; position < end; position += chunkBytes) {
        yield await readPart(tensor, position, Math.min(position + chunkBytes, end), signal)
      }
    },
    close() {
      closing ??= source.close()
      return closing
    },
    [Symbol.asyncDispose]: () => file.close(),
  }
  const described = describe(file)
  return file
}
