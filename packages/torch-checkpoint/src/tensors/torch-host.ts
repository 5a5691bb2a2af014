import { quote, quoteDotted, type Refuse } from '../errors.js'
import type { Budget } from '../pickle/budget.js'
import { createObject } from '../pickle/containers.js'
import type { PickleHost } from '../pickle/machine.js'
import { describe, type Global, isNode, type ObjectNode, type PickleValue } from '../pickle/values.js'
import { readArguments } from './arguments.js'
import { dtypeBytes } from './dtypes.js'
import type { StorageRef } from './rebuilt.js'
import { torchNames } from './torch-names.js'
import { torchaoNames } from './torchao-names.js'

/** The closed table, by module and name. A module that hides a dot in the name meets nothing. */
const allowed: ReadonlyMap<string, ReadonlyMap<string, Global>> = byModule([...torchNames, ...torchaoNames])

/** Modules whose functions reach the system: a file that names one is no checkpoint at all. */
const systemModules = new Set(['os', 'posix', 'nt', 'sys', 'subprocess', 'builtins', '__builtin__'])

const SYSTEM_HINT =
  'Loading this file in Python could run its commands; delete it and tell whoever offers it.'

const TORCHAO_HINT =
  'The configuration cannot be recovered from such tensors: restore the quantization_config block of config.json ' +
  '(cheaper), or finalize the model again with --quantize.'

/**
 * The meaning of names and persistent ids in a file of torch.save. `claim` is told of each storage that is named
 * and refuses it when the container has no such bytes.
 */
export function createTorchHost(
  refuse: Refuse,
  budget: Budget,
  claim: (storage: StorageRef) => void,
): PickleHost {
  const storages = new Map<string, ObjectNode>()
  return {
    refuse,
    budget,
    global(module, name, receiver) {
      return allowed.get(module)?.get(name) ?? refuseName(module, name, receiver, refuse)
    },
    persistent(id) {
      const storage = readStorage(id, refuse)
      const known = storages.get(storage.key)
      if (known && isSame(known.value as StorageRef, storage)) return known
      claim(storage)
      const node = createObject(budget, storage)
      storages.set(storage.key, node)
      return node
    },
  }
}

/** A host for pickles that consist of numbers and texts only. */
export function createPlainHost(refuse: Refuse, budget: Budget): PickleHost {
  return {
    refuse,
    budget,
    global: (module, name, receiver) => refuseName(module, name, receiver, refuse),
    persistent: () => refuse('PICKLE_OPCODE_REFUSED', 'a persistent id where only numbers and texts belong'),
  }
}

function refuseName(module: string, name: string, receiver: PickleValue | undefined, refuse: Refuse): never {
  const full = `${module}.${name}`
  const shown = quoteDotted(full)
  if (systemModules.has(module.split('.')[0]!)) {
    const problem = `refused: not a tensor checkpoint: it names ${shown}; nothing was executed`
    return refuse('PICKLE_CLASS_REFUSED', problem, { refused: full, hint: SYSTEM_HINT })
  }
  const getter = isNode(receiver) && receiver.kind === 'global' && receiver.global.name.endsWith('.getattr')
  const use = getter ? ` as object of ${(receiver as { global: Global }).global.name}` : ''
  return refuse('PICKLE_CLASS_REFUSED', `unknown class ${shown}${use}; nothing was executed`, {
    refused: full,
    ...(full.startsWith('torchao') && { hint: torchaoHint(full) }),
  })
}

function torchaoHint(name: string): string {
  return name.includes('Float8')
    ? `Float8 recipes cannot be recovered from tensors. ${TORCHAO_HINT}`
    : TORCHAO_HINT
}

/** ("storage", class, key, location, element count), in pre-zip files with None or a view behind. */
function readStorage(id: PickleValue, refuse: Refuse): StorageRef {
  if (!isNode(id) || id.kind !== 'tuple') {
    return refuse('PICKLE_CALL_REFUSED', `${describe(id)} as persistent id, expected a storage`)
  }
  const args = readArguments('persistent_load', id, [5, 6], refuse)
  if (args.text(0) !== 'storage') args.fail(`the kind ${quote(args.text(0))}, expected "storage"`)
  const { meaning, name } = args.global(1).global
  if (meaning.kind !== 'storage') return args.fail(`${name}, which is no storage`)
  const key = args.text(2)
  args.text(3)
  const byteLength = args.wholeNumber(4) * (meaning.dtype === undefined ? 1 : dtypeBytes(meaning.dtype))
  if (!Number.isSafeInteger(byteLength)) args.fail('a count of elements that is not exact')
  if (args.at(5) !== null) args.fail('a view of another storage, which PyTorch 0.4 was the last to write')
  return { kind: 'storage', key, dtype: meaning.dtype, byteLength }
}

function isSame(a: StorageRef, b: StorageRef): boolean {
  return a.dtype === b.dtype && a.byteLength === b.byteLength
}

function byModule(globals: readonly Global[]): ReadonlyMap<string, ReadonlyMap<string, Global>> {
  const modules = new Map<string, Map<string, Global>>()
  for (const global of globals) {
    const dot = global.name.lastIndexOf('.')
    const module = global.name.slice(0, dot)
    const names = modules.get(module) ?? new Map<string, Global>()
    modules.set(module, names.set(global.name.slice(dot + 1), global))
  }
  return modules
}
