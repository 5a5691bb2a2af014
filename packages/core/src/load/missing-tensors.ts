import { CheckpointError } from '../errors/families.js'
import { listNames } from '../errors/list-names.js'
import { quote, quoteName } from '../errors/quote.js'
import { ownerPath } from '../shell/join-path.js'
import type { Checkpoint } from './checkpoint.js'

/**
 * The error for tensors that a model needs and its checkpoint lacks. It says what the checkpoint has in their place: the
 * same layers under another prefix, an index that promises more than its files hold, or other tensors.
 *
 * @param names those that are missing, one at least.
 */
export function missingTensors(names: readonly string[], checkpoint: Checkpoint): CheckpointError {
  const { folder, files } = checkpoint
  const [tensor] = names
  const { instead, hint } =
    lostByIndex(names, checkpoint) ?? underAnotherPrefix(names, checkpoint) ?? others(checkpoint)
  return new CheckpointError(
    'TENSOR_MISSING',
    `${folder} (${listNames(files, 3)}) lacks ${listNames(
      names.map((name) => quote(name)),
      3,
    )}; ${instead}`,
    { tensor, file: folder, hint },
  )
}

interface Finding {
  readonly instead: string
  readonly hint: string
}

function lostByIndex(names: readonly string[], { absent }: Checkpoint): Finding | undefined {
  const lost = names.find((name) => absent.has(name))
  if (lost === undefined) return undefined
  const file = quoteName(absent.get(lost)!)
  return {
    instead: `its index says that ${quote(lost)} is in ${file}, which does not hold it`,
    hint: `Fetch ${file} again: it is not the file that the index was written for.`,
  }
}

/** "module.model.norm.weight", "norm.weight" or "decoder.norm.weight" where "model.norm.weight" is expected. */
function underAnotherPrefix(names: readonly string[], { tensors }: Checkpoint): Finding | undefined {
  const found = [...tensors.keys()]
  for (const name of names) {
    const owner = ownerPath(name)
    const longer = found.find((other) => other.includes(`.${owner}.`))
    if (longer !== undefined) {
      const prefix = longer.slice(0, longer.indexOf(`.${owner}.`) + 1)
      return {
        instead: `its names begin with ${quote(prefix)}: it has ${quote(longer)}, expected ${quote(name)}`,
        hint: `The model was saved from inside a wrapper; save it alone, or take ${quote(prefix)} off every name.`,
      }
    }
    const [first, ...rest] = owner.split('.')
    if (rest.length < 2) continue
    const tail = `${rest.join('.')}.`
    const other = found.find((other) => other.startsWith(tail) || other.includes(`.${tail}`))
    if (other === undefined) continue
    const prefix = other.slice(0, other.startsWith(tail) ? 0 : other.indexOf(`.${tail}`) + 1)
    return {
      instead: `it has ${quote(other)} where ${quote(name)} is expected`,
      hint:
        prefix === ''
          ? `Put ${quote(`${first}.`)} in front of the names, or load the weights with the model class that saved them.`
          : `Replace ${quote(prefix)} by ${quote(`${first}.`)} in the names, or take config.json from the model that these weights belong to.`,
    }
  }
  return undefined
}

const others = ({ tensors }: Checkpoint): Finding => ({
  instead:
    tensors.size === 0
      ? 'it holds no tensor at all'
      : `it holds ${tensors.size === 1 ? 'one tensor' : `${tensors.size} tensors`}: ${listNames(
          [...tensors.keys()].map((name) => quote(name)),
          3,
        )}`,
  hint: 'config.json describes another model, or these files are only a part of one.',
})
